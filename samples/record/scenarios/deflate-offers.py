import itertools

from lax import SIDES, Deflate, Pair, meet

Pair.ports = itertools.count(8300)

DEFLATE = "permessage-deflate"


def negotiate(target, about, offer, accepted=None, *, talk=Pair.chat, **judgement):
    """A connection with these values of Sec-WebSocket-Extensions; one answer, or none."""
    offers = [offer] if isinstance(offer, str) else offer
    meet(target, about, ask={"more": [f"Sec-WebSocket-Extensions: {value}" for value in offers]},
         answer={"more": [f"Sec-WebSocket-Extensions: {accepted}"]} if accepted else (), talk=talk, **judgement)


def compressed(client=15, server=15):
    """Two texts each way, compressed with windows of so many bits; the second repeats the first."""
    def talk(pair):
        deflates = {"client": Deflate(client), "server": Deflate(server)}
        for number in range(2):
            for side in SIDES:
                text = f"good morning, said the {side} for the {number}. time"
                pair.say(side, "text", text, deflated=deflates[side](text))
    return talk


def unknown_parameter():
    bad = DEFLATE + "; max_window_bits=10"
    negotiate("/unknown-declined", "an unknown parameter is offered, and declined", bad, breaks="PMD-01 client")
    negotiate("/unknown-fallback", "an unknown parameter is offered, and the offer after it accepted",
              f"{bad}, {DEFLATE}", DEFLATE, breaks="PMD-01 client", near="PMD-07")
    negotiate("/unknown-accepted", "an unknown parameter is offered, and accepted", bad, DEFLATE,
              breaks="PMD-01 client", may="HS-25 PMD-07")
    negotiate("/unknown-answered", "an unknown parameter is answered", DEFLATE, bad, breaks="PMD-01 server",
              may="HS-26 PMD-07")
    negotiate("/unknown-extension", "unknown parameters of another extension, which is declined",
              f"x-squeeze; max_window_bits=10; max_window_bits=10, {DEFLATE}", DEFLATE, talk=compressed(),
              near="PMD-01 PMD-02")
    both = "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12; client_max_window_bits=11"
    negotiate("/all-parameters", "all four parameters, offered and answered", DEFLATE + both, DEFLATE + both,
              near="PMD-01 PMD-02 PMD-03 PMD-04 PMD-05 PMD-06 PMD-07")


def repeated_parameter():
    bad = DEFLATE + "; client_no_context_takeover; client_no_context_takeover"
    negotiate("/repeated-declined", "a parameter is offered twice, and declined", bad, breaks="PMD-02 client")
    negotiate("/repeated-answered", "a parameter is answered twice", DEFLATE, bad, breaks="PMD-02 server",
              may="HS-26 PMD-07")
    negotiate("/repeated-offers", "the same parameter in two offers",
              f"{DEFLATE}; client_max_window_bits=10, {DEFLATE}; client_max_window_bits", DEFLATE, talk=compressed(client=10),
              near="PMD-02 PMD-07")


def needless_value():
    negotiate("/value-declined", "server_no_context_takeover is offered with a value, and declined",
              DEFLATE + "; server_no_context_takeover=1", breaks="PMD-03 client")
    negotiate("/value-answered", "client_no_context_takeover is answered with a value", DEFLATE,
              DEFLATE + "; client_no_context_takeover=true", breaks="PMD-03 server", may="HS-26 PMD-07")


def window_bits():
    for target, about, value in (("/bits-7", "7 bits", "=7"), ("/bits-16", "16 bits", "=16"),
                                 ("/bits-zero", "a leading zero", "=08"), ("/bits-none", "no value", "")):
        negotiate(target, f"server_max_window_bits is offered with {about}, and declined",
                  f"{DEFLATE}; server_max_window_bits{value}", breaks="PMD-04 client")
    bits = "; server_max_window_bits=8; client_max_window_bits="
    negotiate("/bits-limits", "the smallest and the largest window", f"{DEFLATE}{bits}15", f"{DEFLATE}{bits}15", near="PMD-04")
    negotiate("/bits-not-offered", "client_max_window_bits is answered and was not offered", DEFLATE,
              DEFLATE + "; client_max_window_bits=10", breaks="PMD-05 server", may="HS-26 PMD-07")
    negotiate("/bits-offered", "client_max_window_bits is offered without a value and answered with one",
              DEFLATE + "; client_max_window_bits", DEFLATE + "; client_max_window_bits=10", talk=compressed(client=10),
              near="PMD-04 PMD-05")
    negotiate("/bits-lower", "client_max_window_bits is offered with 12 and answered with 9",
              DEFLATE + "; client_max_window_bits=12", DEFLATE + "; client_max_window_bits=9", talk=compressed(client=9),
              near="PMD-05")


def broken_promise():
    negotiate("/bits-raised", "server_max_window_bits=10 is answered with 12", DEFLATE + "; server_max_window_bits=10",
              DEFLATE + "; server_max_window_bits=12", breaks="PMD-06 server", may="HS-26")
    negotiate("/bits-omitted", "server_max_window_bits=10 is not answered", DEFLATE + "; server_max_window_bits=10", DEFLATE,
              breaks="PMD-06 server", may="HS-26")
    negotiate("/takeover-omitted", "server_no_context_takeover is not answered", DEFLATE + "; server_no_context_takeover",
              DEFLATE, breaks="PMD-06 server", may="HS-26")
    negotiate("/bits-lowered", "server_max_window_bits=12 is answered with 9", DEFLATE + "; server_max_window_bits=12",
              DEFLATE + "; server_max_window_bits=9", talk=compressed(server=9), near="PMD-06")
    negotiate("/unasked", "what a server may answer though it was not offered", DEFLATE,
              DEFLATE + "; server_max_window_bits=10; server_no_context_takeover; client_no_context_takeover",
              near="PMD-05 PMD-06 PMD-07 HS-20")
    negotiate("/hints", "hints of the client's that a server need not answer",
              DEFLATE + "; client_no_context_takeover; client_max_window_bits", DEFLATE, talk=compressed(),
              near="PMD-06 PMD-07")


def several_offers():
    offers = f"{DEFLATE}; server_max_window_bits=10, {DEFLATE}; server_no_context_takeover"
    negotiate("/none-fits", "two offers, and an answer that fits neither", offers, DEFLATE, breaks="PMD-07 server", may="HS-26")
    negotiate("/second-fits", "an answer that fits the second of two offers", offers, DEFLATE + "; server_no_context_takeover",
              near="PMD-06 PMD-07")
    negotiate("/second-field-fits", "the same offers in two fields", offers.split(", "),
              DEFLATE + "; server_no_context_takeover", near="PMD-06 PMD-07 HS-27")
    negotiate("/all-declined", "two offers, and no answer", offers, near="PMD-07")


def old_drafts():
    for name in ("x-webkit-deflate-frame", "deflate-frame", "perframe-deflate", "permessage-compress; method=deflate"):
        negotiate(f"/{name.split(';')[0]}", f"{name.split(';')[0]} is offered and accepted", name, name, breaks="PMD-16 server")
    negotiate("/standard-wins", "an old draft is offered beside permessage-deflate, which is chosen",
              f"{DEFLATE}, x-webkit-deflate-frame", DEFLATE, talk=compressed(), near="PMD-16")
    negotiate("/letter-case", "permessage-deflate in another letter case", "PerMessage-Deflate", "Permessage-Deflate",
              near="PMD-16 HS-20")


for group in (unknown_parameter, repeated_parameter, needless_value, window_bits, broken_promise, several_offers, old_drafts):
    group()
