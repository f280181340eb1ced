"""Words are found in other forms of theirs, in each language: all 32, where the stems of English found 18."""

from collections.abc import Callable
from typing import Any

import pytest
from psycopg import Connection

from retrieval import AnalyzedItem, SearchMode, SearchQuery, project_analysis, search

pytestmark = pytest.mark.integration

LINES = {
    "german": {
        "rechnung": "Die Rechnungen und die Quittungen sind nicht auf dem Tisch",
        "hund": "Zwei der Hunde sind in dem Garten und nicht im Haus",
        "blumen": "Eine Blume ist auf der Bank und nicht in der Vase",
        "kinder": "Das Kind ist mit dem Ball auf der Wiese",
        "berg": "Die Berge sind hinter dem See und nicht zu sehen",
        "bahnhof": "Die Ankunft des Bahnhofs ist nicht auf dem Bild",
        "fahrräder": "Das Fahrrad ist an der Wand und nicht auf der Straße",
        "alte brücke": "Die alten Brücken sind über dem Fluss",
    },
    "spanish": {
        "factura": "Las facturas de la luz están en la mesa",
        "montañas": "La montaña es la más alta de los Andes",
        "perro": "Los perros que están en el jardín de la casa",
        "flores": "Una flor de la abuela en el balcón",
        "canción": "Las canciones de la fiesta en la plaza",
        "niños": "El niño está con la pelota en el parque",
        "camión": "Los camiones que están en la carretera",
        "cantante": "Los cantantes de la ópera en el escenario",
    },
    "french": {
        "facture": "Les factures sont dans le tiroir de la cuisine",
        "cheval": "Les chevaux sont dans le pré avec les moutons",
        "montagnes": "La montagne est dans les nuages pour la journée",
        "maisons": "La maison est dans le village avec une tour",
        "fleur": "Les fleurs sont dans le vase avec des feuilles",
        "chiens": "Le chien est dans le jardin avec le chat",
        "chanteur": "Les chanteurs sont sur la scène avec des guitares",
        "grande place": "Les grandes places sont dans la ville",
    },
    "italian": {
        "fattura": "Le fatture della luce sono nella cartella",
        "gatto": "I gatti della nonna sono nella cucina con il cane",
        "montagne": "La montagna della valle con il rifugio e con la neve",
        "fiore": "I fiori della nonna sono nella ciotola",
        "ragazze": "La ragazza con la bicicletta nella piazza della città",
        "libri": "Il libro della scuola con la copertina nella borsa",
        "cantante": "I cantanti della banda sono nella piazza",
        "chiesa": "Le chiese della città con le torri sono nella nebbia",
    },
}
STOP_WORDS = {"german": "und nicht", "spanish": "los que", "french": "les avec", "italian": "della con"}


@pytest.mark.parametrize("language", LINES)
def test_inflected_words_are_found(
    conn: Connection[Any], make_item: Callable[..., AnalyzedItem], language: str
) -> None:
    for asked, line in LINES[language].items():
        # What is asked for is a known word, so it is not taken for a misspelled one.
        for item, text in ((asked, line), (f"{asked} itself", f"{STOP_WORDS[language]} {asked}")):
            with conn.transaction():
                project_analysis(conn, "ann", make_item(item, text))

    found = {
        asked: {hit.item_id for hit in search(conn, SearchQuery("ann", asked, SearchMode.BM25))}
        for asked in LINES[language]
    }

    assert found == {asked: {asked, f"{asked} itself"} for asked in LINES[language]}
