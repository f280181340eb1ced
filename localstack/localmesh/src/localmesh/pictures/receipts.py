"""Receipts: a café in Shibuya, Tokyo, as scanned; a bistro in Paris, as photographed on a table."""

from PIL import Image, ImageFilter

from localmesh.pictures.drawing import BLACK, Page, vertical_gradient

_PAPER = (252, 251, 247)


def shibuya_cafe() -> Image.Image:
    """A till receipt in yen."""
    page = Page.blank(720, 1030, _PAPER, margin=56, top=56)
    page.centred("CAFE KOMOREBI", 46, face="bold", gap=16)
    page.centred("2-14-8 Dogenzaka, Shibuya-ku", 25, face="mono")
    page.centred("Tokyo 150-0043, Japan", 25, face="mono")
    page.centred("TEL 03-5550-0123", 25, face="mono", gap=24)
    page.rule(dashed=True)
    page.columns("2026-03-21", "15:07", 26)
    page.columns("Table 6", "No. 004821", 26, gap=22)
    page.rule(dashed=True)
    for item, amount in (
        ("Matcha latte     x2", "¥1,240"),
        ("Hojicha pudding  x1", "¥580"),
        ("Egg sandwich     x1", "¥760"),
        ("Iced coffee      x1", "¥520"),
    ):
        page.columns(item, amount, 28, gap=16)
    page.y += 6
    page.rule(dashed=True)
    page.columns("Subtotal", "¥3,100", 28, gap=14)
    page.columns("Consumption tax 10%", "¥310", 28, gap=20)
    page.columns("TOTAL", "¥3,410", 40, face="bold", gap=22)
    page.columns("Suica", "¥3,410", 28, gap=22)
    page.rule(dashed=True)
    page.centred("Thank you! Please come again", 26, face="mono", gap=30)
    _bars(page)
    return page.picture


def _bars(page: Page) -> None:
    """A bar code that means nothing."""
    x, state = page.margin + 90, 7
    while x < page.picture.width - page.margin - 90:
        state = state * 73 % 101
        width = 2 + state % 5
        page.pen.rectangle((x, page.y, x + width - 1, page.y + 90), fill=BLACK)
        x += width + 3 + state % 4
    page.y += 104
    page.centred("4 901234 004821", 24, face="mono")


def paris_bistro() -> Image.Image:
    """A bill in euros on a wooden table, a little askew, softly lit."""
    page = Page.blank(640, 830, _PAPER, margin=48, top=44)
    page.centred("Le Petit Canal", 46, face="serif", gap=16)
    page.centred("27 quai de Valmy", 25, face="mono")
    page.centred("75010 Paris, France", 25, face="mono", gap=22)
    page.rule()
    page.left("12/05/2026  20:48   Table 9", 25, face="mono", gap=20)
    for item, amount in (
        ("2 Soupe à l'oignon", "19,00 €"),
        ("1 Steak frites", "22,50 €"),
        ("1 Confit de canard", "24,00 €"),
        ("2 Crème brûlée", "17,00 €"),
        ("1 Côtes du Rhône", "28,00 €"),
    ):
        page.columns(item, amount, 27, gap=18)
    page.rule(gap=22)
    page.columns("TOTAL", "110,50 €", 40, face="bold", gap=20)
    page.columns("dont TVA 10%", "10,05 €", 25, gap=14)
    page.columns("Carte bancaire", "110,50 €", 25, gap=34)
    page.centred("Service compris", 25, face="mono")
    page.centred("Merci et à bientôt !", 25, face="mono")
    table = _table((900, 1130))
    turned = page.picture.convert("RGBA").rotate(-2.5, Image.Resampling.BICUBIC, expand=True)
    left, top = (table.width - turned.width) // 2, (table.height - turned.height) // 2
    shadow = Image.new("L", table.size, 0)
    shadow.paste(120, (left + 14, top + 18), turned.getchannel("A"))
    shaded = Image.composite(
        Image.new("RGB", table.size, (24, 14, 8)), table, shadow.filter(ImageFilter.GaussianBlur(14))
    )
    shaded.paste(turned.convert("RGB"), (left, top), turned.getchannel("A"))
    light = Image.radial_gradient("L").resize((table.width * 2, table.height * 2)).crop((300, 300, 1200, 1430))
    return Image.composite(Image.new("RGB", table.size, (40, 26, 16)), shaded, light.point(lambda shade: shade // 4))


def _table(size: tuple[int, int]) -> Image.Image:
    """Planks with grain."""
    wood = vertical_gradient(size, (150, 98, 58), (122, 76, 44))
    page = Page(wood, 0, 0)
    state = 1
    for y in range(0, size[1], 3):
        state = state * 1103515245 + 12345 & 0x7FFFFFFF
        dark = state >> 16 & 31
        page.pen.line((0, y, size[0], y + (state >> 8 & 3)), fill=(138 - dark, 88 - dark, 52 - dark), width=2)
    for y in range(0, size[1], 216):
        page.pen.line((0, y, size[0], y), fill=(70, 42, 24), width=5)
    return wood.filter(ImageFilter.GaussianBlur(1))
