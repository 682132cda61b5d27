import asyncio
import random
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory

import ws_log

WORDS = "frame mask opcode payload window context takeover deflate inflate ping pong close".split()


async def answer(connection):
    who = ws_log.watch(connection, "server")
    async for text in connection:
        await connection.send(f"{len(text)} characters: {text}")
        if text == "enough":
            break
    await connection.close(1000, "enough")
    await connection.wait_closed()
    ws_log.ended(connection, who)


async def server():
    deflate = ServerPerMessageDeflateFactory(
        server_no_context_takeover=True, server_max_window_bits=12, client_max_window_bits=10)
    async with serve(answer, "127.0.0.1", 8102, extensions=[deflate], compression=None) as listening:
        await listening.serve_forever()


async def client():
    deflate = ClientPerMessageDeflateFactory(client_max_window_bits=True)
    random.seed(12)
    async with connect("ws://127.0.0.1:8102/words", extensions=[deflate], compression=None, proxy=None) as connection:
        who = ws_log.watch(connection, "client")
        long = " ".join(random.choice(WORDS) for _ in range(800))
        for text in ("hello hello hello", "hello hello hello", long, long, "enough"):
            await connection.send(text)
            await connection.recv()
        await connection.wait_closed()
        ws_log.ended(connection, who)


asyncio.run({"server": server, "client": client}[sys.argv[1]]())
