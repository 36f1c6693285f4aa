r"""What counts as one token: regular expressions for `imcap.metrics.ptb`.

A rule's first group is the token. Whatever it matches beyond that group is
context: it counts for the rule's length, and is read again afterwards.
"""

# Letters of the scripts in use, combining marks and the soft hyphen.
LETTER_RANGES = (
    "A-Za-z\u00aa\u00ad\u00b5\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02c1"
    "\u0300-\u037d\u0386\u0388-\u0589\u0591-\u05f2\u0620-\u065f\u066e-\u06d3"
    "\u06d5-\u06ef\u06fa-\u1fff\u3040-\u30fa\u30fc-\u318f\u3400-\ud7a3"
    "\uf900-\ufdff\ufe70-\ufefc\uff21-\uff3a\uff41-\uff5a"
)


LETTER = f"[{LETTER_RANGES}]"


ALNUM = f"[{LETTER_RANGES}0-9]"


# Abbreviations that keep their full stop wherever they stand.
ABBREVIATIONS = r"""
adj adm adv al ala alex apr ariz assn assoc asst atty attys aug ave bancorp
bhd bldg blvd brig bros calif capt cf cie cmdr co col colo comdr conn cont'd
corp cos cpl ct dak dec dept det dr drs elec ens esq est etc ext feb fla fri
ft ga gen gov govs hon inc ind insp intl invt jan jos jr jul jun kan kans ky
lt ltd maj mar md messrs mich minn mlle mme mo mon mont mr mrs ms msgr mt mtg
natl neb nev nov oct okla penn pfc ph ph\.d plc pres prof profs pvt rd rep
reps rev rt sen sens sep sept seq sfc sgt spc sq sr st ste supt sys tel tenn
thu thurs treas tue tues univ va vs vt wed wis wisc wm wyo
"""


# Everyday words unless written as a name.
NAME_ABBREVIATIONS = "ark az del ill la mass miss ore pa tex wash"


COMPANY_ABBREVIATIONS = "mfg ppte ppty pte ptes pty ptys"


NUMBER_ABBREVIATIONS = "art ca fig figs no nos op pp prop"


# Words that, capitalised, make the full stop before them end a sentence.
SENTENCE_OPENERS = """
a about according after an as at but earlier he her here however if in it
last many more now once one other our she since so some such that the their
then there these they this we what when while yet you
"""


ACRONYM = r"[A-Za-z](?:\.[A-Za-z])+"


WORD = rf"{LETTER}{ALNUM}*(?:[.!?]{LETTER}{ALNUM}*)*"


CLITIC = "'(?:[msdMSD]|re|RE|ve|VE|ll|LL)"


NUMBER = r"(?:[0-9]*(?:[.:,][0-9]+)+|[0-9]+)"


SLASHED = "[A-Za-z0-9]+(?:-[A-Za-z]+)*"


ADDRESS = r"[A-Za-z0-9_.+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"


LINK = r"\S*[A-Za-z0-9/]"


# How characters and entities are said; an empty string is not said at all.
FRACTIONS = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4"}


ENTITIES = {
    "&amp;": "&",
    "&lt;": "<",
    "&gt;": ">",
    "&quot;": "",
    "&apos;": "",
    "&nbsp;": "",
    "&ndash;": "",
    "&mdash;": "",
}


CHARACTERS = {"€": "$", "£": "#", "¢": "cents"}


def any_of(words):
    """A pattern for any of the space-separated words, in any case."""
    return f"(?i:{'|'.join(sorted(words.split(), key=len, reverse=True))})"


def capitalised(words):
    """A pattern for the words with a capital, or in capitals."""
    forms = [[w.capitalize(), w.upper()] for w in words.split()]
    return f"(?:{'|'.join(form for pair in forms for form in pair)})"


def title_or_lower(words):
    """A pattern for the words in lower case or with a capital."""
    forms = [[w, w.capitalize()] for w in words.split()]
    return f"(?:{'|'.join(form for pair in forms for form in pair)})"


OPENING = rf"\s+{capitalised(SENTENCE_OPENERS)}(?:\s|$)"


WORD_RULES = (
    # Two words written as one, as in "cannot" and "gonna".
    "((?i:can(?=not)|(?:gon|wan)(?=na)|got(?=ta)|(?:lem|gim)(?=me)))"
    "(?i:not|na|ta|me)",
    rf"({WORD})",
    rf"({ALNUM}+(?:_{ALNUM}+)*)",
    # The word in front of 's, 'll or n't, and n't itself.
    rf"({WORD}){CLITIC}",
    r"([A-Za-z]*[A-MO-Za-mo-z])(?i:n't)",
    r"((?i:n't))(?![A-Za-z])",
    # Apostrophes inside a word: o'clock, d'angelo, ma'am, y'all.
    rf"([dDlLoO]'{ALNUM}{{2,}}(?:-{ALNUM}+)*|[oO]'[oO])",
    rf"([A-Z]'[A-Z]{LETTER}+)",
    rf"({LETTER}+[aeiouyAEIOUY]'[aeiouA-Z]{LETTER}*)",
    r"([dDlLjJ]'|[yY]'(?=[A-Za-z])|(?i:ol'|somethin'|dunkin'))",
    r"((?i:o'er|e'er|ne'er|hallowe'en|qu'[a-z]+))",
    # Hyphens and slashes: x-ray, anti-u.s., and/or.
    rf"([A-Za-z0-9][A-Za-z0-9.,]*(?:-(?:{ACRONYM}\.|[A-Za-z0-9]+))+)",
    rf"({ALNUM}+(?:[-‐‑]{ALNUM}+)+)",
    rf"({SLASHED}(?:/{SLASHED}){{1,2}})",
    # Full stops that belong to the word.
    r"([A-Za-z](?:\.[A-Za-z])*\.)",
    rf"([A-Za-z])\.{OPENING}",
    rf"({any_of(ABBREVIATIONS)}\.)",
    rf"({capitalised(NAME_ABBREVIATIONS)}\.)",
    rf"({title_or_lower(COMPANY_ABBREVIATIONS)}\.)",
    rf"({any_of(NUMBER_ABBREVIATIONS)}\.) ?[0-9]",
    rf"((?:{WORD}|{ALNUM}+)\.)[,;:]",
    # AT&T, C++, US$.
    r"([A-Z]+(?:(?:&amp;|[&+])[A-Z]+)+)",
    r"([Cc]\+\+|[CcFf]#|[A-Z]*\$)",
    # Addresses.
    rf"((?i:https?://|www\.){LINK})",
    rf"((?:[a-z]+\.)+(?:com|net|org|edu)(?:/{LINK})?)",
    rf"({ADDRESS})",
)


NUMBER_RULES = (
    rf"({NUMBER})",
    r"([0-9]{1,2}[-/][0-9]{1,2}[-/][0-9]{2,4})",
    r"((?:[0-9]{1,4}[- ])?[0-9]{1,4}\\?/[0-9]{1,4})(?![0-9])",
)


SYMBOL_RULES = (
    # Entities.
    rf"((?i:{'|'.join(ENTITIES)}))",
    r"(&[aeiouAEIOU](?:acute|grave|uml);|&#[0-9]+;)",
    # 's, 'll, 'tis, 'em, '90s.
    rf"({CLITIC})(?![A-Za-z])",
    r"((?i:'t))(?i:is|was)",
    r"((?i:'n'|'n(?=\s)|'em|'cause|'till?|'[2-9]0s))",
    r"('[0-9]{2})\s",
    # Numbers with a sign, prices.
    rf"([-+]?{NUMBER})",
    # @name, #topic, runs of one sign.
    rf"(@[A-Za-z_][A-Za-z_0-9]*|#{LETTER}+)",
    r"([?!]+|\\?\*+|_+|#+|@+|<<|>>|``|''|-{2,}|\.{3,})",
)


ANY_RULE = r"(\S)"
