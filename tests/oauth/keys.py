"""Writes keys and their certificates, good for a day: `rsa.key.pem`, `rsa.cert.pem`, `ec.key.pem`, `ec.cert.pem` of clients, and
`server.key.pem`, `server.cert.pem` of a server on loopback."""

import datetime
import ipaddress
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

folder = Path(sys.argv[1])
keys = {
    "rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ec": ec.generate_private_key(ec.SECP256R1()),
    "server": ec.generate_private_key(ec.SECP256R1()),
}
for name, key in keys.items():
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"nightly {name}")])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(days=1))
    )
    if name == "server":
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        builder = builder.add_extension(names, critical=False).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    certificate = builder.sign(key, hashes.SHA256())
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / f"{name}.key.pem").write_bytes(private)
    (folder / f"{name}.cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
