"""ESP by scapy: one line of JSON in, one line out, until the input ends.

`op` is `open`, `seal` or `read`. Besides: `mode`, `material` (hex: key and salt, or encryption key and authentication key), `esn`, `spi`,
`encapsulation`, `udp`, `number` (64 bits), `packet` (hex, from the IP header on), `outer` (hex: the header that a tunnel puts in front).
The answer is `packet` (hex), or `refused` with the reason. `read` gives what scapy sees in a packet that nothing protects.
"""

import json
import logging
import struct
import sys

logging.getLogger("scapy").setLevel(logging.ERROR)
from scapy.config import conf

conf.route = conf.route6 = None
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.ipsec import ESP, SecurityAssociation

# Our name; scapy's cipher and authentication; length of the first key with its salt; whether the IV stays off the wire.
MODES = {
    "aes-256-gcm": ("AES-GCM", None, 36, False),
    "aes-128-gcm": ("AES-GCM", None, 20, False),
    "chacha20-poly1305": ("CHACHA20-POLY1305", None, 36, False),
    "aes-256-gcm-implicit-iv": ("AES-GCM", None, 36, True),
    "aes-128-gcm-implicit-iv": ("AES-GCM", None, 20, True),
    "chacha20-poly1305-implicit-iv": ("CHACHA20-POLY1305", None, 36, True),
    "aes-256-cbc-hmac-sha-256": ("AES-CBC", "SHA2-256-128", 32, False),
    "aes-256-cbc-hmac-sha-384": ("AES-CBC", "SHA2-384-192", 32, False),
    "aes-256-cbc-hmac-sha-512": ("AES-CBC", "SHA2-512-256", 32, False),
}


def ip(raw):
    return IPv6(raw) if raw[0] >> 4 == 6 else IP(raw)


def association(ask):
    cipher, authentication, first, _ = MODES[ask["mode"]]
    material = bytes.fromhex(ask["material"])
    return SecurityAssociation(
        ESP,
        spi=ask["spi"],
        # scapy takes a `seq_num` of zero for none given, and falls back to this one.
        seq_num=ask["number"] & 0xFFFFFFFF,
        crypt_algo=cipher,
        crypt_key=material[:first],
        auth_algo=authentication,
        auth_key=material[first:] or None,
        tunnel_header=ip(bytes.fromhex(ask["outer"])) if ask["encapsulation"] == "tunnel" else None,
        nat_t_header=UDP(sport=4500, dport=4500) if ask["udp"] else None,
        esn_en=ask["esn"],
        esn=ask["number"] >> 32,
    )


def explicit(packet, number):
    """RFC 8750 leaves out what RFC 4106 and RFC 7634 send: the number, which is the IV. scapy knows those, so it gets it back."""
    packet[ESP].data = struct.pack("!Q", number) + packet[ESP].data
    return ip(bytes(resized(packet)))


def implicit(packet):
    packet[ESP].data = packet[ESP].data[8:]
    return resized(packet)


def resized(packet):
    if packet.version == 4:
        del packet.len, packet.chksum
    else:
        del packet.plen
    if packet.haslayer(UDP):
        del packet[UDP].len
    return packet


def answer(ask):
    packet = ip(bytes.fromhex(ask["packet"]))
    if ask["op"] == "read":
        return {"summary": packet.summary(), "source": packet.src, "destination": packet.dst, "packet": bytes(packet).hex()}
    sa, hidden = association(ask), MODES[ask["mode"]][3]
    if ask["op"] == "open":
        packet = explicit(packet, ask["number"]) if hidden else packet
        return {"packet": bytes(sa.decrypt(packet)).hex()}
    # AEAD: the number is the IV, as a sender without a random source per packet does it. CBC: scapy draws one.
    iv = None if sa.crypt_algo.name == "AES-CBC" else struct.pack("!Q", ask["number"])
    sealed = sa.encrypt(packet, seq_num=ask["number"] & 0xFFFFFFFF, iv=iv)
    return {"packet": bytes(implicit(sealed) if hidden else sealed).hex()}


for line in sys.stdin:
    try:
        said = answer(json.loads(line))
    except Exception as error:  # scapy answers what it can not authenticate or read with many kinds
        said = {"refused": f"{type(error).__name__}: {error}"[:300]}
    print(json.dumps(said), flush=True)
