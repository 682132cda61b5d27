import asyncio

from websockets.asyncio.client import connect

import ws_log


async def main():
    async with connect("ws://127.0.0.1:8111/quiet", compression=None, ping_interval=None, proxy=None) as connection:
        who = ws_log.watch(connection, "client")
        await asyncio.sleep(0.3)
        await (await connection.ping(b"from the client"))
        await connection.pong(b"unasked")
        await connection.wait_closed()
        ws_log.ended(connection, who)


asyncio.run(main())
