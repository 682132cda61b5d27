from raw_socket import Peer


def offend(target, data, **how):
    peer = Peer.connect(8117, target)
    peer.say("text", b"good morning")
    peer.hear()
    # The server logs whole and valid messages only.
    peer.note(receiver_stopped=True)
    peer.say("text", data, **how)
    peer.hear()  # its Close
    peer.hear()  # and its end
    peer.end("aborted")


offend("/unmasked", b"not masked", masked=False)
offend("/utf8", b"\xc3(")
offend("/rsv1", b"compressed? nothing was agreed on", rsv=4)
