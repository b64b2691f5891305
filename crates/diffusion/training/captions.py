"""Captions without end, each with its exact meaning, for the network that reads prompts.

A caption is a list of words; its meaning says for the head word of each object which concept, how many, which
colour, size and relation to the object before, and for the whole caption the background and the style.
"""
import json
import os
import re

import numpy as np

import backgrounds
import colours
import concepts as taken

SIZES = ["normal", "small", "big"]
RELATIONS = ["beside", "left", "right", "above", "below", "on", "front", "behind"]
MOST = 6

COLOUR_WORDS = {
    "red": ["red", "red", "red", "crimson", "scarlet", "ruby"], "orange": ["orange", "orange", "amber"],
    "yellow": ["yellow", "yellow", "golden", "lemon-yellow"], "green": ["green", "green", "green", "emerald", "lime-green", "olive-green"],
    "blue": ["blue", "blue", "blue", "navy", "azure", "light blue", "dark blue", "cyan", "turquoise", "teal"],
    "purple": ["purple", "purple", "violet", "lilac", "lavender", "magenta"], "pink": ["pink", "pink", "rosy", "fuchsia"],
    "brown": ["brown", "brown", "tan", "beige", "chocolate-brown"], "black": ["black", "black", "dark"],
    "white": ["white", "white", "pale", "ivory"], "gray": ["gray", "grey", "silver"],
}
SIZE_WORDS = {"small": ["small", "little", "tiny", "mini", "miniature"], "big": ["big", "large", "huge", "giant", "enormous", "oversized"]}
NUMBERS = {2: ["two", "2", "a pair of", "a couple of"], 3: ["three", "3"], 4: ["four", "4"], 5: ["five", "5"], 6: ["six", "6", "half a dozen"]}
VAGUE = {"several": (3, 4), "some": (2, 3), "many": (6, 6), "a few": (3, 3), "a bunch of": (5, 5)}
RELATION_WORDS = {
    "beside": ["and", "and", "and", "with", "next to", "beside", "near", "alongside", ",", "plus", "together with", "by", "and also", "facing", "chasing", "holding", "watching", "eating", "playing", "carrying", "wearing", "has"],
    "left": ["left of", "to the left of", "on the left of"], "right": ["right of", "to the right of", "on the right of"],
    "above": ["above", "over", "flying over", "hovering over", "higher than"], "below": ["below", "under", "underneath", "beneath"],
    "on": ["on", "on top of", "sitting on", "standing on", "riding", "riding on", "atop", "lying on"],
    "front": ["in front of", "before"], "behind": ["behind", "at the back of", "hiding behind"],
}
STYLE_WORDS = {
    "3d": ["3d", "3d render of", "in 3d", "3d rendering", "clay", "3d style", "glossy", "rendered", "realistic", "photo of", "photorealistic", "cgi"],
    "flat": ["flat", "flat illustration of", "flat design", "in flat style", "minimalist", "vector art of", "icon of", "simple", "geometric", "minimal"],
    "cartoon": ["cartoon", "cartoon of", "in cartoon style", "comic", "drawing of", "clip art of", "sticker of", "illustration of", "hand-drawn"],
}
OPENINGS = ["a picture of", "an image of", "picture of", "draw", "draw me", "generate", "show me", "paint", "make", "create", "i want", "please draw", "there is", "image:", "scene with", "a scene with", "a view of"]
ADJECTIVES = ["cute", "happy", "beautiful", "sad", "old", "young", "funny", "shiny", "lovely", "friendly", "fresh", "delicious", "pretty", "angry", "fluffy", "wooden", "nice", "sleepy", "lonely", "wild", "brave", "new", "modern", "famous", "single", "bright", "adorable", "majestic", "magic", "ripe"]
VERBS = ["sitting", "standing", "running", "sleeping", "flying", "waiting", "jumping", "lying", "walking", "smiling", "resting", "floating", "swimming", "parked", "growing", "playing", "dancing", "driving", "landing", "looking"]
ENDINGS = ["high quality", "4k", "highly detailed", "digital art", "beautiful", "best quality", "trending", "soft light", "cute", "for kids", "wallpaper", "emoji", "centered", "close-up", "sharp", "vivid colors", "masterpiece"]
LEX = {  # WordNet lexicographer files that a subgroup's words may come from
    "animal": {5}, "food": {13, 20}, "plant": {20, 13}, "drink": {13}, "transport": {6}, "clothing": {6}, "musical": {6},
    "tool": {6}, "household": {6}, "place": {6, 15, 17}, "phone": {6}, "computer": {6}, "light": {6}, "sport": {6, 4},
}


def tokens(text):
    """Lower-case words; everything else separates, but a comma is a word."""
    return re.findall(r"[a-z0-9]+(?:'[a-z]+)?|,", text.lower())


def plural(phrase):
    head, _, tail = phrase.partition(" of ")
    last = head.split(" ")[-1]
    irregular = {"mouse": "mice", "goose": "geese", "sheep": "sheep", "deer": "deer", "fish": "fish", "tooth": "teeth", "foot": "feet",
                 "wolf": "wolves", "leaf": "leaves", "loaf": "loaves", "person": "people", "human": "humans", "man": "men", "woman": "women", "policeman": "policemen", "fireman": "firemen", "calf": "calves", "child": "children",
                 "scissors": "scissors", "glasses": "glasses", "sunglasses": "sunglasses", "jeans": "jeans", "fries": "fries", "die": "dice",
                 "cactus": "cacti", "knife": "knives", "scarf": "scarves", "sushi": "sushi", "bread": "breads", "dice": "dice", "pants": "pants"}
    if last in irregular:
        new = irregular[last]
    elif re.search(r"(s|x|z|ch|sh)$", last):
        new = last if last.endswith("s") and not last.endswith("ss") and not last.endswith("us") else last + "es"
    elif re.search(r"[^aeiou]y$", last):
        new = last[:-1] + "ies"
    elif re.search(r"(tomato|potato|mango|volcano)$", last):
        new = last + "es"
    else:
        new = last + "s"
    return head[: len(head) - len(last)] + new + (" of " + tail if tail else "")


class WordNet:
    def __init__(self, folder):
        self.index, self.folder = {}, folder
        for line in open(f"{folder}/index.noun"):
            if not line.startswith(" "):
                parts = line.split()
                self.index[parts[0]] = [int(o) for o in parts[-int(parts[2]):]]
        self.data = {}
        for line in open(f"{folder}/data.noun"):
            if line.startswith(" "):
                continue
            parts = line.split("|")[0].split()
            count = int(parts[3], 16)
            lemmas = [parts[4 + 2 * i].replace("_", " ") for i in range(count)]
            pointers, at = [], 4 + 2 * count
            for i in range(int(parts[at])):
                kind, offset, pos = parts[at + 1 + 4 * i: at + 4 + 4 * i]
                if pos == "n":
                    pointers.append((kind, int(offset)))
            self.data[int(parts[0])] = (int(parts[1]), lemmas, pointers)

    def related(self, word, lexes):
        """Synonyms and kinds (two levels) of the first sense in the right part of the dictionary."""
        for offset in self.index.get(word.replace(" ", "_"), [])[:4]:
            lex, lemmas, pointers = self.data[offset]
            if lexes and lex not in lexes:
                continue
            kinds, level = [], [offset]
            for _ in range(2):
                level = [o for parent in level for kind, o in self.data[parent][2] if kind == "~"]
                kinds += [lemma for o in level for lemma in self.data[o][1]]
            return lemmas, kinds
        return [], []


class Lexicon:
    """Words for every concept: usual ones, and weaker ones from tags and the dictionary."""

    def __init__(self, packages, wordnet, labels):
        self.labels = labels
        entries = {label: (tags, subgroup) for label, _, tags, subgroup in taken.concepts(packages)}
        net = WordNet(wordnet)
        self.usual = [[w.lower() for w in taken.words(label)] for label in labels]
        claimed = {w for words in self.usual for w in words} | {w for words in COLOUR_WORDS.values() for w in words}
        claimed |= set(ADJECTIVES) | set(VERBS) | {t for p in sum((backgrounds.KINDS[k] for k in backgrounds.KINDS), []) for t in tokens(p)}
        weak, owners = [], {}
        for i, label in enumerate(labels):
            tags, subgroup = entries[label]
            lexes = LEX.get(subgroup.split("-")[0], set())
            found = set()
            for word in self.usual[i]:
                lemmas, kinds = net.related(word, lexes)
                found |= {l.lower() for l in lemmas} | {k.lower() for k in kinds[:60]}
            found |= {tag.lower() for tag in tags}
            found = {w for w in found if re.fullmatch(r"[a-z]{3,}( [a-z]{3,})?", w) and w not in claimed}
            for w in found:
                owners.setdefault(w, []).append(i)
            weak.append(found)
        # A word that several concepts share is a category ("fruit"): drawn from all of them when it is used.
        self.weak = [sorted(w for w in found if len(owners[w]) == 1) for found in weak]
        self.categories = {w: o for w, o in sorted(owners.items()) if 2 <= len(o) <= 60}


class Captions:
    def __init__(self, lexicon, seed):
        self.lexicon, self.rng = lexicon, np.random.default_rng(seed)
        self.category_names = list(lexicon.categories)

    def pick(self, items):
        return items[self.rng.integers(len(items))]

    def chance(self, p):
        return self.rng.uniform() < p

    def noun(self):
        if self.chance(0.06):
            word = self.pick(self.category_names)
            return int(self.pick(self.lexicon.categories[word])), word
        index = int(self.rng.integers(len(self.lexicon.labels)))
        if self.lexicon.weak[index] and self.chance(0.25):
            return index, self.pick(self.lexicon.weak[index])
        usual = self.lexicon.usual[index]
        return index, usual[0] if self.chance(0.55) else self.pick(usual)

    def phrase(self, room, usual_only=False):
        """One noun phrase: words, and the meaning of its head word."""
        index, noun = self.noun()
        count = 1 if room == 1 or not self.chance(0.35) else int(self.rng.integers(2, min(room, MOST) + 1))
        colour = 0 if self.chance(0.55) else 1 + int(self.rng.integers(len(colours.NAMES)))
        size = 0 if self.chance(0.8) else 1 + int(self.rng.integers(2))
        words = []
        if count > 1:
            vague = [w for w, (low, high) in VAGUE.items() if low <= count <= high]
            words += tokens(self.pick(vague) if vague and self.chance(0.2) else self.pick(NUMBERS[count]))
            noun = plural(noun)
        elif not self.chance(0.15):
            words += [self.pick(["a", "a", "a", "an", "the", "one", "my"])]
        middle = []
        if size:
            middle.append(tokens(self.pick(SIZE_WORDS[SIZES[size]])))
        if self.chance(0.2):
            middle.append([self.pick(ADJECTIVES)])
        if colour:
            middle.append(tokens(self.pick(COLOUR_WORDS[colours.NAMES[colour - 1]])))
        if len(middle) > 1 and self.chance(0.2):
            middle = [middle[k] for k in self.rng.permutation(len(middle))]
        if self.chance(0.03):
            # What another thing's name in front of the noun tells is left undrawn: a strawberry cupcake is a cupcake.
            middle.append(tokens(self.lexicon.usual[self.rng.integers(len(self.lexicon.usual))][0]))
        words += sum(middle, [])
        head = tokens(noun)
        if not head:
            return self.phrase(room)
        place = len(words) + len(head) - 1
        words += head
        if self.chance(0.12):
            words += [self.pick(VERBS)]
        return words, place, (index, count, colour, size), count

    def background(self):
        """Words of a background with its kind (from 1) and colour; an empty list says nothing."""
        if self.chance(0.35):
            return [], 0, 0
        kinds = list(backgrounds.KINDS)
        kind = self.pick(["plain", "plain", "plain", *kinds])
        colour = 0
        text = self.pick(backgrounds.KINDS[kind])
        if kind in backgrounds.COLOURED:
            if not self.chance(0.12):
                colour = 1 + int(self.rng.integers(len(colours.NAMES)))
            name = self.pick(COLOUR_WORDS[colours.NAMES[colour - 1]]) + " " if colour else ""
            if kind == "plain":
                text = self.pick(["{}background", "{}background", "plain {}background", "solid {}background", "{}backdrop", "{}wall"]).format(name)
            else:
                text = name + text
            text = self.pick(["on a ", "on a ", "on a ", "against a ", "with a ", "in front of a ", ", ", "on ", "over a "]) + text
        elif self.chance(0.25):
            bare = re.sub(r"^(in|on|at|among|under|with|in front of) (the |a |an )?", "", text)
            text = self.pick([", ", "with a ", "in front of a ", ", background: ", "a background of "]) + bare
        elif self.chance(0.2):
            text = text.replace("the ", "a ").replace("in a", self.pick(["in a", "in a big", "in a dark", "in a deep"]))
        return tokens(text), 1 + kinds.index(kind), colour

    def make(self):
        """words, per-word labels (N, 5: concept+1, count-1, colour, size, relation), caption labels (kind, colour, style)."""
        rng = self.rng
        words, marks = [], []
        style = 0 if self.chance(0.65) else 1 + int(rng.integers(len(taken.STYLES)))
        style_words = tokens(self.pick(STYLE_WORDS[taken.STYLES[style - 1]])) if style else []
        style_front = self.chance(0.6)
        if self.chance(0.2):
            words += tokens(self.pick(OPENINGS))
        if style and style_front:
            words += ([self.pick(["a", "an"])] if self.chance(0.3) else []) + style_words
        back, kind, back_colour = self.background()
        back_front = self.chance(0.1)
        if back and back_front:
            words += back + ([","] if self.chance(0.6) else [])
        groups = 0 if kind and self.chance(0.05) else int(rng.choice([1, 2, 3], p=[0.6, 0.3, 0.1]))
        room = MOST
        for g in range(groups):
            relation = 0
            if g:
                relation = 0 if self.chance(0.55) else int(rng.integers(1, len(RELATIONS)))
                words += tokens(self.pick(RELATION_WORDS[RELATIONS[relation]]))
            part, place, meaning, used = self.phrase(room - (groups - 1 - g))
            marks.append((len(words) + place, (meaning[0] + 1, meaning[1] - 1, meaning[2], meaning[3], relation)))
            words += part
            room -= used
        if back and not back_front:
            words += back
        if style and not style_front:
            words += ([","] if self.chance(0.5) else []) + style_words
        if self.chance(0.12):
            words += [","] + tokens(self.pick(ENDINGS))
        labels = np.zeros((len(words), 5), np.int64)
        for place, mark in marks:
            labels[place] = mark
        return words, labels, (kind, back_colour, style)
