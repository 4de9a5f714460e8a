#!/bin/sh
# Installs what `cargo xtask bench` measures Sayso against, from Debian's packages and PyPI, and tells where each is:
# `NAME=PLACE`, or `NAME!REASON` when it can't be had. Never fails: a peer that is missing is skipped by name.
#
#   bench/peers.sh DIR     DIR keeps the Python environment between runs
set -u
dir=${1:?which folder may keep the Python environment?}
mkdir -p "$dir"

# Debian's packages
debian() { # NAME PACKAGE COMMAND…: tells the first command that is there, after installing the package if none is
    name=$1 package=$2
    shift 2
    for try in first second; do
        for command in "$@"; do
            place=$(command -v "$command" 2>/dev/null) && [ -x "$place" ] && echo "$name=$place" && return
        done
        [ "$try" = second ] && break
        if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
            echo "$name!not installed, and only root can install it: apt-get install $package"
            return
        fi
        apt-get update -qq >>"$dir/install.log" 2>&1
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >>"$dir/install.log" 2>&1
    done
    echo "$name!apt-get install $package failed, see $dir/install.log"
}
debian dd coreutils dd
debian nginx nginx-light nginx /usr/sbin/nginx
debian wrk wrk wrk
debian postgres postgresql-15 /usr/lib/postgresql/15/bin/postgres

# PyPI's
python=$dir/python/bin/python
if [ ! -x "$python" ]; then
    python3 -m venv "$dir/python" >>"$dir/install.log" 2>&1
fi
pypi() { # NAME PACKAGE PLACE
    if ! "$python" -m pip show -q "$2" >/dev/null 2>&1; then
        "$python" -m pip install -q "$2" >>"$dir/install.log" 2>&1
    fi
    if "$python" -m pip show -q "$2" >/dev/null 2>&1; then echo "$1=$3"; else echo "$1!pip install $2 failed, see $dir/install.log"; fi
}
pypi duckdb duckdb "$python"
pypi roapi roapi "$dir/python/bin/roapi"
