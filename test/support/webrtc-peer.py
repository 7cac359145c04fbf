"""A WebRTC endpoint (aiortc): audio both ways, driven by lines of JSON on standard input, telling on standard output.

In:  {"offer": true} · {"offer": sdp} for an answer · {"answer": sdp}
Out: {"sdp": …} · {"ice": state} · {"connection": state} · {"frames": n, "loud": m}, a line for every ten frames heard
"""

import asyncio
import fractions
import json
import re
import sys

import aioice.ice
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError
from av import AudioFrame

ADDRESS = sys.argv[1]
RATE, SAMPLES = 8000, 160


def tell(**what):
    print(json.dumps(what), flush=True)


def legible(sdp):
    # RFC 3605 allows a=rtcp to have no address; aiortc 1.4 does not.
    return re.sub(r"^a=rtcp:(\d+)\r?$", r"a=rtcp:\1 IN IP4 0.0.0.0\r", sdp, flags=re.MULTILINE)


class Tone(AudioStreamTrack):
    """A square wave, 20 ms at a time."""

    position = 0

    async def recv(self):
        await asyncio.sleep(0.02)
        frame = AudioFrame(format="s16", layout="mono", samples=SAMPLES)
        half = b"\x00\x20" * 10 + b"\x00\xe0" * 10
        frame.planes[0].update(half * (SAMPLES // 20))
        frame.pts, frame.sample_rate = self.position, RATE
        frame.time_base = fractions.Fraction(1, RATE)
        self.position += SAMPLES
        return frame


async def listen(track):
    frames = loud = 0
    while True:
        try:
            frame = await track.recv()
        except MediaStreamError:
            return
        frames += 1
        loud += any(frame.to_ndarray().flatten()[:8])
        if frames % 10 == 0:
            tell(frames=frames, loud=loud)


async def main():
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: [ADDRESS]
    connection = RTCPeerConnection()

    @connection.on("track")
    def on_track(track):
        asyncio.ensure_future(listen(track))

    @connection.on("iceconnectionstatechange")
    def on_ice():
        tell(ice=connection.iceConnectionState)

    @connection.on("connectionstatechange")
    def on_connection():
        tell(connection=connection.connectionState)

    async def describe(description):
        await connection.setLocalDescription(description)
        tell(sdp=connection.localDescription.sdp)

    commands = asyncio.StreamReader()
    await asyncio.get_event_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        command = json.loads(line)
        if command.get("offer") is True:
            connection.addTrack(Tone())
            await describe(await connection.createOffer())
        elif "offer" in command:
            await connection.setRemoteDescription(RTCSessionDescription(sdp=legible(command["offer"]), type="offer"))
            connection.addTrack(Tone())
            await describe(await connection.createAnswer())
        elif "answer" in command:
            await connection.setRemoteDescription(RTCSessionDescription(sdp=legible(command["answer"]), type="answer"))
    await connection.close()


asyncio.run(main())
