import itertools
import socket
import ssl
import threading
import warnings

import ws_log

warnings.simplefilter("ignore")  # about old versions, which are what we want
PORTS = itertools.count(8126)
TLS = ssl.TLSVersion
NAME = "server.example"


def versions(context, lowest, highest):
    if lowest < TLS.TLSv1_2:
        context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.minimum_version, context.maximum_version = lowest, highest


def serve(listening, certificate, offered):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{certificate}.pem", f"{certificate}.key")
    versions(context, *offered)
    connection = listening.accept()[0]
    try:
        with context.wrap_socket(connection, server_side=True) as secure:
            # Nothing, where the client looked at the certificate and left.
            if secure.recv(1000):
                secure.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                secure.recv(1000)
    except OSError:
        connection.close()


def meet(about, certificate, *, breaks="", near="", outcome="aborted", server=(TLS.TLSv1_2, TLS.TLSv1_3),
         client=(TLS.TLSv1_2, TLS.TLSv1_3), looks=None):
    """A handshake between a client that verifies certificates and a server that has this one; a request if it goes well.

    With looks="later", the client takes any certificate in the handshake, and leaves when it has seen it, as node does.
    """
    port = next(PORTS)
    with socket.create_server(("127.0.0.1", port)) as listening:
        thread = threading.Thread(target=serve, args=(listening, certificate, server))
        thread.start()
        connection = socket.create_connection(("127.0.0.1", port))
        who = ws_log.ends(connection.getsockname(), connection.getpeername(), "client")
        rules = [(rule.split() + [None])[:2] for rule in breaks.split(",") if rule]
        ws_log.log(event="note", **who, fields={"about": about, "rules": rules, **({"near": near.split()} if near else {})})
        ws_log.log(event="ended", **who, outcome=outcome)
        context = ssl.create_default_context(cafile="trusted.pem")
        versions(context, *client)
        if looks == "later":
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            with context.wrap_socket(connection, server_hostname=NAME) as secure:
                if looks == "later":
                    raise ConnectionAbortedError
                secure.sendall(b"GET /chat HTTP/1.1\r\nHost: server.example\r\nUpgrade: websocket\r\n"
                               b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                               b"Sec-WebSocket-Version: 13\r\n\r\n")
                secure.recv(1000)
        except OSError:
            connection.close()
        thread.join()


OLD = (TLS.TLSv1_1, TLS.TLSv1_1)
TLS_12 = (TLS.TLSv1_2, TLS.TLSv1_2)
TLS_13 = (TLS.TLSv1_3, TLS.TLSv1_3)

meet("TLS 1.2 and a good certificate", "good", server=TLS_12, outcome="undecodable", near="TLS-03 TLS-04 TLS-07 TLS-08")
meet("TLS 1.3 and a good certificate", "good", outcome="undecodable", near="TLS-03 TLS-04 TLS-07 TLS-08")
meet("an expired certificate: the client sends an alert", "expired", server=TLS_12, breaks="TLS-03,TLS-04 server")
meet("a certificate for another name", "other", server=TLS_12, breaks="TLS-03,TLS-04 server")
meet("a self-signed certificate", "own", server=TLS_12, breaks="TLS-03,TLS-04 server")
meet("a certificate of an authority that the client does not know", "unknown", server=TLS_12, breaks="TLS-03", near="TLS-04")
meet("the same in TLS 1.3: the certificate is encrypted, and OpenSSL's alert is not", "unknown", breaks="TLS-03", near="TLS-08")
meet("a client that checks the certificate after the handshake, and sends no alert", "own", server=TLS_12, looks="later",
     outcome="undecodable", breaks="TLS-04 server,TLS-08")
meet("the same in TLS 1.3", "own", looks="later", outcome="undecodable", breaks="TLS-08")
meet("a server that speaks TLS 1.1 only", "good", server=OLD, client=(TLS.TLSv1_1, TLS.TLSv1_3), outcome="undecodable",
     breaks="TLS-07 server")
meet("a client that offers TLS 1.2 at most, and a server that speaks TLS 1.3 only", "good", server=TLS_13, client=TLS_12,
     breaks="TLS-03")
