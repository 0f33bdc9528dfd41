"""Pictures of a simulated phone: drawn, so that nobody takes them for real ones."""

import io
from typing import Final

from PIL import Image, ImageDraw

SIZE: Final = (640, 480)
SKY, GROUND, INK = (176, 200, 222), (122, 132, 104), (30, 30, 30)
HORIZON: Final = 300
POLE: Final = (300, 90, 316, 420)
CROSSBAR: Final = (240, 120, 376, 130)


class DrawnPictures:
    """A pole under the sky, with the lines of text in the corner."""

    def take(self, *lines: str) -> bytes:
        image = Image.new("RGB", SIZE, SKY)
        pen = ImageDraw.Draw(image)
        pen.rectangle((0, HORIZON, *SIZE), fill=GROUND)
        for part in (POLE, CROSSBAR):
            pen.rectangle(part, fill=INK)
        told = "\n".join(line.encode("ascii", "replace").decode() for line in lines)
        pen.multiline_text((12, 12), told, fill=INK)
        out = io.BytesIO()
        image.save(out, "JPEG", quality=80)
        return out.getvalue()
