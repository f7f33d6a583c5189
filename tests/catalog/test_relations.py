"""Files of relations: what they say, and every mistake with its place."""

import shutil
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from catalog.errors import Code, DataFolderError, InvalidDataError, UnknownIdError
from catalog.registry import Registry
from catalog.relations import Relation, Rule, read_documents, read_entries, read_relation, read_relations

POND = Path(__file__).parents[1] / "fixtures" / "pond"
YOUNG = """\
- id: animal_to_young
  name: Animal to young
  category: knowledge
  definition: The target is a young one of the animal.
  licence: CC0-1.0
  origin: By hand.
  papers: [grebe-2021-echo]
  head_types: [echo]
  prompts: ['We saw a {source} there']
  completions: ['A cow has a calf, a dog has a puppy, a {source} has a']
  pairs:
    duck: [duckling]
    dog: [puppy, pup]
    swan: [cygnet]
"""
LETTERS = YOUNG[: YOUNG.index("  pairs:")].replace("animal_to_young", "letters") + "  rule: first letter\n"


@pytest.fixture
def folder(tmp_path):
    """The invented data with a folder of relations."""
    shutil.copytree(POND, tmp_path / "data")
    (tmp_path / "data/relations").mkdir()
    return tmp_path / "data"


@pytest.fixture
def write(folder):
    """Function that writes the file of a relation."""

    def write(text, name="animal_to_young"):
        path = folder / "relations" / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_pairs_keep_their_order_and_all_accepted_targets(write):
    relation = read_relation(write(YOUNG))
    assert list(relation.targets.items()) == [("duck", ("duckling",)), ("dog", ("puppy", "pup")), ("swan", ("cygnet",))]
    assert (relation.k, relation.category, relation.licence) == (10, "knowledge", "CC0-1.0")


@pytest.mark.parametrize(
    ("rule", "words", "targets"),
    [
        ("copy", "[reed]", {"reed": ("reed",)}),
        ("first letter", "[reed, Mud]", {"reed": ("r",), "Mud": ("M",)}),
        ("last letter", "[reed]", {"reed": ("d",)}),
        ("next number", "['1999', '09']", {"1999": ("2000",), "09": ("10",)}),
    ],
)
def test_rule_gives_the_target_of_every_word(write, rule, words, targets):
    text = f"{LETTERS.replace('first letter', rule)}  words: {words}\n"
    assert read_relation(write(text, "letters")).targets == targets


def test_rules_are_all_tried_above():
    assert {rule.value for rule in Rule} == {"copy", "first letter", "last letter", "next number"}


def test_worked_examples_of_a_prompt_are_not_asked_about(write):
    relation = read_relation(write(YOUNG))
    assert list(relation.unseen(relation.completions[0])) == ["duck", "swan"]
    assert list(relation.unseen(relation.prompts[0])) == ["duck", "dog", "swan"]


def test_relations_are_read_by_name_and_a_folder_without_them_holds_none(folder, write):
    write(YOUNG)
    write(f"{LETTERS}  words: [reed]\n", "letters")
    assert list(read_relations(folder)) == ["animal_to_young", "letters"]
    registry = Registry.load(folder)
    assert registry.relations == read_relations(folder)
    assert registry.relation("letters").rule is Rule.FIRST_LETTER
    with pytest.raises(UnknownIdError, match="unknown relation 'letter': did you mean letters"):
        registry.relation("letter")
    assert read_relations(POND) == {}
    with pytest.raises(DataFolderError, match=r"none\.yaml"):
        read_relation(folder / "none.yaml")


# What is replaced by what, then code and message of the only problem, which must point at the first letter of "HERE",
# or where no comment can stand, at line and column.
MISTAKES = {
    "licence": ("CC0-1.0", "CC-BY-4.0", Code.BAD_VALUE, "licence: Input should be 'CC0-1.0'", (5, 12)),
    "no licence": ("  licence: CC0-1.0\n", "", Code.MISSING_FIELD, "field 'licence' is missing", (1, 3)),
    "category": ("knowledge", "magic", Code.BAD_VALUE, "category: Input should be 'algorithmic'", (3, 13)),
    "unknown field": ("  name:", "  label: a\n  name:", Code.UNKNOWN_FIELD, "unknown field 'label'", (2, 3)),
    "source twice": ("swan:", "duck:", Code.DUPLICATE_KEY, "key 'duck' stands here for the second time", (14, 5)),
    "target twice": ("puppy, pup", "pup, pup", Code.REPEATED_WORD, "'pup' stands here for the second time", (13, 16)),
    "no target": ("[cygnet]", "[]", Code.BAD_VALUE, "pairs.swan: List should have at least 1 item", (14, 11)),
    "one text": ("[cygnet]", "cygnet", Code.BAD_VALUE, "pairs.swan: Input should be a valid list", (14, 11)),
    "own target": ("[cygnet]", "[cob, swan]", Code.TARGET_IS_SOURCE, "'swan' is its own target", (14, 17)),
    "two words": ("cygnet", "young swan", Code.BAD_VALUE, "pairs.swan.0: String should match pattern", (14, 12)),
    "two-word source": ("swan:", "mute swan:", Code.BAD_VALUE, "pairs.mute swan.[key]: String should", (14, 16)),
    "number as source": ("swan:", "1999:", Code.SYNTAX, "a key is not text", (14, 5)),
    "other name": ("id: animal_to_young", "id: young", Code.WRONG_FILE, "'young' stands in animal_to_young", (1, 7)),
    "no gap": ("a {source} there", "a swan there", Code.BAD_VALUE, "prompts.0: write {source} exactly once", (9, 13)),
    "gap without a space": ("a {source} there", "a({source})", Code.BAD_VALUE, "behind a space", (9, 13)),
    "k": ("  prompts", "  k: 0\n  prompts", Code.BAD_VALUE, "k: Input should be greater than or equal", (9, 6)),
    "paper": ("[grebe-2021-echo]", "[grebe-2021-eco]", Code.UNKNOWN_PAPER, "unknown paper 'grebe-2021-eco'", (7, 12)),
    "head type": ("[echo]", "[ecko]", Code.UNKNOWN_HEAD_TYPE, "unknown head type 'ecko'", (8, 16)),
    "rule beside pairs": ("  pairs", "  rule: copy\n  pairs", Code.BAD_VALUE, "rule and words belong together", (1, 3)),
    "words beside pairs": ("  pairs", "  words: [a]\n  pairs", Code.BAD_VALUE, "give either pairs, or words", (1, 3)),
    "not a list": ("- id", "  id", Code.NOT_A_LIST, "is not a list", (1, 3)),
}


@pytest.mark.parametrize(("old", "new", "code", "message", "place"), MISTAKES.values(), ids=MISTAKES)
def test_mistake_is_reported_at_its_place(folder, write, old, new, code, message, place):
    path = write(YOUNG.replace(old, new, 1))
    assert path.read_text() != YOUNG
    _, problems = Registry.inspect(folder)
    [problem] = problems
    assert (problem.file, problem.code, (problem.line, problem.column)) == (str(path), code, place)
    assert message in problem.message


def test_repeated_word_of_a_rule_is_reported(write):
    with pytest.raises(InvalidDataError, match=r"letters\.yaml:12:17: HA402 'reed' stands here for the second time"):
        read_relation(write(f"{LETTERS}  words: [reed, reed]\n", "letters"))


def test_word_that_is_no_number_has_no_next_one(write):
    with pytest.raises(InvalidDataError, match="'reed' is no number in digits"):
        read_relation(write(LETTERS.replace("first letter", "next number") + "  words: ['7', reed]\n", "letters"))


@pytest.mark.parametrize(("text", "count"), [("", 0), (YOUNG + YOUNG.replace("animal_to_young", "other"), 2)])
def test_file_holds_one_relation(folder, write, text, count):
    write(text)
    _, problems = read_entries(read_documents(folder))
    assert f"HA401 holds {count} relations" in str(problems[0])


def test_every_mistake_of_every_file_is_reported_at_once(folder, write):
    write(YOUNG.replace("CC0-1.0", "mine").replace("cygnet", "swan"))
    write("- {", "broken")
    with pytest.raises(InvalidDataError) as caught:
        read_relations(folder)
    assert [problem.code for problem in caught.value.problems] == [Code.BAD_VALUE, Code.TARGET_IS_SOURCE, Code.SYNTAX]


def test_command_checks_and_formats_relations(folder, write, headatlas):
    path = write(YOUNG)
    assert headatlas("paper", "validate", "--data", folder).stdout.endswith("1 relations, 0 runs: no problems\n")
    assert headatlas("paper", "format", "--data", folder, "--check").returncode == 0
    write(YOUNG.replace("  pairs:", "  k: 10\n  pairs:").replace("[puppy, pup]", "[puppy,  'pup']"))
    assert headatlas("paper", "format", "--data", folder).stdout == f"changed {path}\n"
    assert path.read_text() == YOUNG.replace("  prompts:", "  k: 10\n  prompts:")
    write(YOUNG.replace("dog: [puppy, pup]", "dog: []"))
    done = headatlas("paper", "validate", "--data", folder)
    assert (done.returncode, f"{path}:13:10: HA103 pairs.dog: List should" in done.stdout) == (1, True)


def test_record_refuses_neither_pairs_nor_words():
    [entry] = yaml.safe_load(YOUNG)
    with pytest.raises(ValidationError, match="give either pairs, or words"):
        Relation.model_validate(entry | {"pairs": {}})
