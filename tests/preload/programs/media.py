"""Pictures and films: large blocks, aligned blocks, worker threads."""

from programs.registry import program
from session import Session

CONVERT = "/usr/bin/convert-im6.q16"
FFMPEG = "/usr/bin/ffmpeg"

PICTURES = {
    "resize": "rose: -filter Lanczos -resize 1500x1000",
    "blur": "logo: -gaussian-blur 0x6 -unsharp 0x4",
    "rotate": "logo: -background navy -rotate 33 -distort Barrel 0.2,0,0",
    "quantize": "logo: -colors 37 -dither FloydSteinberg",
    "morphology": "logo: -colorspace Gray -threshold 60% -morphology Dilate Octagon:4",
    "charcoal": "-seed 5 logo: -charcoal 3",
    "compose": "-size 900x700 gradient:red-blue ( logo: -alpha set -channel A -evaluate set 40% ) "
               "-gravity center -composite -swirl 120",
    "text": "-size 800x600 xc:white -fill black -draw circle,400,300,400,100 -implode 0.4",
    "many": "( rose: -duplicate 60 -resize 200% ) -append",
}


@program("imagemagick", loads=["convert-im6.q16", "identify-im6.q16"], needs=[CONVERT])
def imagemagick(session: Session) -> None:
    """Filters, distortions, quantisation and files of five formats; pixels must be the same."""
    for name, operations in PICTURES.items():
        pixels = session.dir / f"{name}.rgba"
        words = [word.replace("circle,", "circle ") for word in operations.split()]
        session.run([CONVERT, *words, "-depth", "8", f"rgba:{pixels}"], name)
        session.observe_digest(f"{name}: pixels", pixels)
    for extension in ("png", "jpg", "tiff", "gif", "bmp"):
        file = session.dir / f"logo.{extension}"
        session.run([CONVERT, "logo:", "-resize", "300%", "-strip", file], f"to {extension}")
        session.run(["/usr/bin/identify-im6.q16", "-format", "%wx%h %#\n", file],
                    f"signature of {extension}")


def ffmpeg_command(*words: str) -> list[str]:
    return [FFMPEG, "-nostdin", "-hide_banner", "-loglevel", "error", "-y", *words]


@program("ffmpeg", loads=["ffmpeg"], needs=[FFMPEG])
def ffmpeg(session: Session) -> None:
    """Encodes a test film with several codecs on two threads, decodes it, filters it."""
    film = ["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=6"]
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:beep_factor=4:duration=6"]
    # At a fixed quality: rate control reacts to the order in which the threads end.
    exact = ["-bitexact", "-threads", "2", "-q:v", "4"]
    session.run(ffmpeg_command(*film, "-c:v", "rawvideo", *exact, "-f", "md5", "-"), "rawvideo")
    for codec, container in (("mjpeg", "avi"), ("mpeg4", "mkv"), ("libx264", "mp4"),
                             ("ffv1", "mkv")):
        file = session.dir / f"{codec}.{container}"
        sound = ["-c:a", "flac" if container == "mkv" else "aac", "-strict", "-2"]
        session.run(ffmpeg_command(*film, *tone, "-c:v", codec, *sound, *exact, str(file)),
                    f"encode {codec}")
        session.observe_digest(f"{codec} file", file)
        session.run(ffmpeg_command("-threads", "2", "-i", str(file), *exact, "-f", "framemd5", "-"),
                    f"decode {codec}")
    session.run(ffmpeg_command(
        *film, "-vf", "scale=320:-2,hue=h=60,boxblur=3,rotate=0.3,transpose=1,negate",
        *exact, "-f", "framemd5", "-"), "filters")
