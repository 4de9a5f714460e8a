-- For wrk: asks for the paths of a file in turn, a line each (`wrk … -s bench/paths.lua URL -- FILE`). Every answer must be 200.
local paths, at = {}, 0

function init(args)
    for path in io.lines(args[1]) do
        paths[#paths + 1] = path
    end
    math.randomseed(os.time())
    at = math.random(#paths)
end

function request()
    at = at % #paths + 1
    return wrk.format("GET", paths[at])
end

function done(summary)
    if summary.errors.status > 0 then
        io.write("answers that were no success: ", summary.errors.status, "\n")
    end
end
