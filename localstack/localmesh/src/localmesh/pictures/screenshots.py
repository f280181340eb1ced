"""Screenshots: a terminal, a chat on a phone, a web page about ramen."""

from PIL import Image

from localmesh.pictures.drawing import BLACK, WHITE, Colour, Page, font, wrap

_GREEN: Colour = (126, 200, 120)
_RED: Colour = (240, 113, 104)
_GREY: Colour = (170, 176, 186)
_TERMINAL_TEXT: Colour = (224, 226, 230)

_TERMINAL: tuple[tuple[str, Colour], ...] = (
    ("mika@harbour:~/shop$ pytest tests/test_checkout.py", _TERMINAL_TEXT),
    ("================ test session starts ================", _TERMINAL_TEXT),
    ("platform linux -- Python 3.13.0, pytest-9.2.0", _GREY),
    ("collected 4 items", _TERMINAL_TEXT),
    ("", _TERMINAL_TEXT),
    ("tests/test_checkout.py ..F.                   [100%]", _TERMINAL_TEXT),
    ("", _TERMINAL_TEXT),
    ("___________ test_discount_is_not_negative ___________", _RED),
    ("    def test_discount_is_not_negative():", _TERMINAL_TEXT),
    (">       assert discount(price=1200, code='SPRING') >= 0", _TERMINAL_TEXT),
    ("E       AssertionError: assert -150 >= 0", _RED),
    ("", _TERMINAL_TEXT),
    ("tests/test_checkout.py:42: AssertionError", _RED),
    ("============ 1 failed, 3 passed in 0.84s ============", _RED),
    ("mika@harbour:~/shop$ git commit -m 'Fix discount'", _TERMINAL_TEXT),
    ("[main 7f3c2ab] Fix discount", _GREEN),
    (" 1 file changed, 3 insertions(+), 1 deletion(-)", _TERMINAL_TEXT),
    ("mika@harbour:~/shop$ ", _TERMINAL_TEXT),
)

_CHAT: tuple[tuple[str, bool], ...] = (
    ("Hi! Are we still on for dinner on Friday?", False),
    ("Yes! I booked a table for four at 19:30", True),
    ("Great. Which place?", False),
    ("The izakaya near Ebisu station, second floor. Ask for the name Tanaka", True),
    ("Perfect. Should I bring the train tickets to Osaka?", False),
    ("Please do. Platform 14, the Nozomi at 8:12 on Saturday", True),
    ("See you Friday!", False),
)

_SHOPS: tuple[tuple[str, str, str], ...] = (
    (
        "1. Menya Hoshi, Shinjuku",
        "Rich tonkotsu broth, simmered for 18 hours. Thin noodles, soft egg.",
        "1,100 yen   ★★★★★   open 11:00 to 23:00",
    ),
    (
        "2. Shio to Kaze, Asakusa",
        "Clear salt ramen with yuzu and clams. Only twelve seats at the counter.",
        "980 yen   ★★★★☆   closed on Mondays",
    ),
    (
        "3. Kuro Miso, Ikebukuro",
        "Black garlic miso with sweet corn and butter. Spicy on request.",
        "1,250 yen   ★★★★☆   open until 2:00",
    ),
)


def terminal() -> Image.Image:
    """A terminal window with a failing test."""
    page = Page.blank(1280, 800, (30, 33, 40), margin=28, top=66)
    page.pen.rectangle((0, 0, 1280, 44), fill=(56, 60, 70))
    for x, colour in ((28, (240, 95, 88)), (56, (248, 190, 60)), (84, (70, 200, 90))):
        page.pen.ellipse((x - 9, 13, x + 9, 31), fill=colour)
    page.pen.text((640, 22), "mika@harbour: ~/shop", fill=(200, 204, 212), font=font("sans", 18), anchor="mm")
    for line, colour in _TERMINAL:
        page.left(line, 24, face="mono", colour=colour, gap=15)
    end = page.margin + int(font("mono", 24).getlength(_TERMINAL[-1][0]))
    page.pen.rectangle((end, page.y - 38, end + 13, page.y - 12), fill=_TERMINAL_TEXT)
    return page.picture


def chat() -> Image.Image:
    """A conversation on a phone about a dinner and a train."""
    width, height = 780, 1380
    page = Page.blank(width, height, (236, 239, 244), margin=28, top=190)
    page.pen.rectangle((0, 0, width, 150), fill=(38, 98, 92))
    page.pen.text((28, 14), "18:42", fill=WHITE, font=font("bold", 24))
    page.pen.text((width - 28, 14), "5G  87%", fill=WHITE, font=font("bold", 24), anchor="ra")
    page.pen.ellipse((28, 60, 100, 132), fill=(244, 178, 102))
    page.pen.text((64, 96), "Y", fill=WHITE, font=font("bold", 38), anchor="mm")
    page.pen.text((124, 64), "Yuki Tanaka", fill=WHITE, font=font("bold", 32))
    page.pen.text((124, 106), "online", fill=(200, 226, 222), font=font("sans", 22))
    for number, (text, mine) in enumerate(_CHAT):
        _bubble(page, text, mine=mine, time=f"18:{31 + number}")
    page.pen.rounded_rectangle((28, height - 100, width - 28, height - 28), 36, fill=WHITE)
    page.pen.text((60, height - 64), "Message", fill=(150, 154, 160), font=font("sans", 28), anchor="lm")
    return page.picture


def _bubble(page: Page, text: str, *, mine: bool, time: str) -> None:
    lines = wrap(text, "sans", 28, 500)
    width = int(max(font("sans", 28).getlength(line) for line in lines)) + 48
    width = max(width, 150)
    height = len(lines) * 40 + 58
    x = page.picture.width - page.margin - width if mine else page.margin
    page.pen.rounded_rectangle((x, page.y, x + width, page.y + height), 22, fill=(208, 242, 200) if mine else WHITE)
    for row, line in enumerate(lines):
        page.pen.text((x + 24, page.y + 16 + row * 40), line, fill=BLACK, font=font("sans", 28))
    corner = (x + width - 20, page.y + height - 32)
    page.pen.text(corner, time, fill=(120, 126, 130), font=font("sans", 19), anchor="ra")
    page.y += height + 20


def ramen_page() -> Image.Image:
    """A web page that lists ramen shops in Tokyo."""
    width = 1280
    page = Page.blank(width, 860, WHITE, margin=70, top=96)
    page.pen.rectangle((0, 0, width, 64), fill=(232, 234, 238))
    page.pen.rounded_rectangle((150, 12, width - 150, 52), 20, fill=WHITE)
    page.pen.text(
        (180, 32),
        "https://tokyo-noodle-notes.example/best-ramen",
        fill=(90, 94, 100),
        font=font("sans", 20),
        anchor="lm",
    )
    for x, arrow in ((34, "←"), (72, "→")):
        page.pen.text((x, 32), arrow, fill=(90, 94, 100), font=font("sans", 26), anchor="lm")
    page.left("Tokyo Noodle Notes", 24, face="bold", colour=(196, 62, 40), gap=16)
    page.left("The best ramen in Tokyo this winter", 46, face="serif", gap=18)
    page.left("By Hana Mori, 14 January 2026, 4 minutes to read", 21, colour=(110, 114, 120), gap=24)
    page.rule((214, 218, 224), gap=28)
    for shop in _SHOPS:
        _shop(page, shop)
    return page.picture


def _shop(page: Page, shop: tuple[str, str, str]) -> None:
    name, text, facts = shop
    bowl_x, bowl_y = page.picture.width - page.margin - 210, page.y
    page.pen.rounded_rectangle((bowl_x, bowl_y, bowl_x + 210, bowl_y + 150), 14, fill=(250, 238, 216))
    page.pen.pieslice((bowl_x + 35, bowl_y - 10, bowl_x + 175, bowl_y + 130), 0, 180, fill=(176, 52, 40))
    page.pen.ellipse((bowl_x + 35, bowl_y + 42, bowl_x + 175, bowl_y + 78), fill=(232, 178, 92))
    page.pen.ellipse((bowl_x + 112, bowl_y + 48, bowl_x + 150, bowl_y + 70), fill=(255, 250, 236))
    page.pen.ellipse((bowl_x + 124, bowl_y + 54, bowl_x + 140, bowl_y + 65), fill=(246, 166, 40))
    page.pen.line((bowl_x + 20, bowl_y + 16, bowl_x + 120, bowl_y + 58), fill=(110, 72, 44), width=5)
    page.pen.line((bowl_x + 34, bowl_y + 8, bowl_x + 128, bowl_y + 54), fill=(110, 72, 44), width=5)
    page.left(name, 31, face="bold", gap=14)
    for line in wrap(text, "sans", 24, 860):
        page.left(line, 24, gap=12)
    page.left(facts, 22, colour=(150, 92, 20), gap=0)
    page.y = bowl_y + 190
