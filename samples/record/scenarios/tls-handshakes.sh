# What TLS shows of itself: certificates that are refused, old versions.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2209
story="Python's ssl (OpenSSL) as client and server, with certificates of a throw-away authority: one that is good, one expired, one for
    another name, one self-signed, one whose authority the client does not know, in TLS 1.2 and 1.3; clients that
    look at the certificate only after the handshake, as node does; a server that speaks TLS 1.1 only, and a client and server
    without a version in common."
software=(python openssl tcpdump)
problems=(TLS-03 TLS-04 TLS-07 TLS-08)
filter="tcp portrange 8126-8137"
prepare() {
    : >index.txt
    echo 01 >serial
    cat >ca.cnf <<CONF
[ca]
default_ca = own
[own]
dir = .
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
CONF
    authority trusted 'Sample Authority'
    authority stranger 'Unknown Authority'
    certificate good trusted server.example 20200101000000Z 20500101000000Z
    certificate expired trusted server.example 20200101000000Z 20210101000000Z
    certificate other trusted other.example 20200101000000Z 20500101000000Z
    certificate unknown stranger server.example 20200101000000Z 20500101000000Z
    certificate own - server.example 20200101000000Z 20500101000000Z
}
new_key() { openssl "$@" -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes 2>>openssl.txt; }
authority() { new_key req -x509 -days 3650 -subj "/CN=$2" -keyout "$1.key" -out "$1.pem"; }
# certificate NAME AUTHORITY HOST FROM UNTIL; signed by itself where the authority is -
certificate() {
    local by=(-cert "$2.pem" -keyfile "$2.key")
    [ "$2" != - ] || by=(-selfsign -keyfile "$1.key")
    new_key req -new -subj "/CN=$3" -addext "subjectAltName=DNS:$3" -keyout "$1.key" -out "$1.csr"
    openssl ca -config ca.cnf -batch -notext -in "$1.csr" -out "$1.pem" -startdate "$4" -enddate "$5" "${by[@]}" 2>>openssl.txt
}
play() { inside python "$here/scenarios/tls-handshakes.py"; }
