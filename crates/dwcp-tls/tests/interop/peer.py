"""An echo server, or a client that sends its input and prints what comes back: Python's ssl, or OpenSSL by pyOpenSSL."""

import json
import socket
import sys

WISH = json.loads(sys.argv[1])


def note(*words):
    print(*words, file=sys.stderr, flush=True)


class Ssl:
    """The interpreter's own module."""

    def __init__(self):
        import ssl

        self.ssl = ssl
        side = ssl.PROTOCOL_TLS_SERVER if WISH["serves"] else ssl.PROTOCOL_TLS_CLIENT
        self.context = ssl.SSLContext(side)
        version = ssl.TLSVersion.TLSv1_2 if WISH["old"] else ssl.TLSVersion.TLSv1_3
        self.context.minimum_version = self.context.maximum_version = version
        self.context.load_verify_locations(WISH["trusts"])
        if WISH["shows"]:
            self.context.load_cert_chain(*WISH["shows"])
        if WISH["asks"]:
            self.context.verify_mode = ssl.CERT_REQUIRED
        if WISH["one_group"]:
            self.context.set_ecdh_curve("secp384r1")
        if WISH["alpn"]:
            self.context.set_alpn_protocols([WISH["alpn"]])

    def wrap(self, raw, session=None):
        if WISH["serves"]:
            return self.context.wrap_socket(raw, server_side=True, suppress_ragged_eofs=False)
        return self.context.wrap_socket(
            raw, server_hostname=WISH["name"], session=session, suppress_ragged_eofs=False
        )

    def read(self, stream):
        return stream.recv(16384)

    def session(self, stream):
        return stream.session

    def close(self, stream):
        stream.unwrap()

    def exported(self, stream):
        return b""


class PyOpenSsl:
    """The OpenSSL that the cryptography package brings along."""

    def __init__(self):
        from cryptography.hazmat.primitives.asymmetric import ec
        from OpenSSL import SSL

        self.SSL = SSL
        self.context = context = SSL.Context(SSL.TLS_SERVER_METHOD if WISH["serves"] else SSL.TLS_CLIENT_METHOD)
        version = SSL.TLS1_2_VERSION if WISH["old"] else SSL.TLS1_3_VERSION
        context.set_min_proto_version(version)
        context.set_max_proto_version(version)
        context.load_verify_locations(WISH["trusts"])
        context.set_session_id(b"interop")
        if WISH["shows"]:
            context.use_certificate_chain_file(WISH["shows"][0])
            context.use_privatekey_file(WISH["shows"][1])
        if WISH["asks"] or not WISH["serves"]:
            context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
        if WISH["one_group"]:
            context.set_tmp_ecdh(ec.SECP384R1())
        if WISH["alpn"]:
            spoken = WISH["alpn"].encode()
            if WISH["serves"]:
                choose = lambda _, offered: spoken if spoken in offered else SSL.NO_OVERLAPPING_PROTOCOLS
                context.set_alpn_select_callback(choose)
            else:
                context.set_alpn_protos([spoken])

    def wrap(self, raw, session=None):
        stream = self.SSL.Connection(self.context, raw)
        if WISH["serves"]:
            stream.set_accept_state()
        else:
            stream.set_connect_state()
            stream.set_tlsext_host_name(WISH["name"].encode())
            if session:
                stream.set_session(session)
        stream.do_handshake()
        note("group", stream.get_group_name())
        return stream

    def read(self, stream):
        try:
            return stream.recv(16384)
        except self.SSL.ZeroReturnError:
            return b""

    def session(self, stream):
        return stream.get_session()

    def close(self, stream):
        stream.shutdown()

    def exported(self, stream):
        return stream.export_keying_material(WISH["label"].encode(), 32)


def serve(stack):
    listener = socket.create_server(("127.0.0.1", WISH["port"]))
    while True:
        raw, _ = listener.accept()
        try:
            stream = stack.wrap(raw)
            note("exported", stack.exported(stream).hex())
            while words := stack.read(stream):
                stream.sendall(words)
            stack.close(stream)
        except Exception as error:
            note("ended:", repr(error))
        raw.close()


def connect(stack, session=None):
    raw = socket.create_connection(("127.0.0.1", WISH["port"]))
    stream = stack.wrap(raw, session)
    note("exported", stack.exported(stream).hex())
    return stream


def visit(stack):
    stream = connect(stack)
    while words := sys.stdin.buffer.raw.read(16384):
        stream.sendall(words)
        # What comes back is counted: a socket with a ticket in it is readable too, and has no words.
        missing = len(words)
        while missing:
            back = stack.read(stream)
            if not back:
                raise EOFError("closed before all came back")
            missing -= len(back)
            sys.stdout.buffer.write(back)
            sys.stdout.buffer.flush()
        if WISH["returns"]:
            session = stack.session(stream)
            stack.close(stream)
            stream = connect(stack, session)
            WISH["returns"] = False
    stack.close(stream)


try:
    stack = Ssl() if WISH["stack"] == "ssl" else PyOpenSsl()
    serve(stack) if WISH["serves"] else visit(stack)
except Exception as error:
    note("ended:", repr(error))
    sys.exit(1)
