"""What the model can draw: which emoji of which packages are taken, and which are left out.

Left out: flags, skin-tone and gender duplicates, hands, clocks by the hour, signs, letters, sets under
share-alike licences, and pictures that are scenes rather than objects (a scene is composed here).
"""
import json
import os
import re

STYLES = ["3d", "flat", "cartoon"]

# Whole subgroups of the Unicode emoji list whose pictures are single objects.
SUBGROUPS = {
    "animal-mammal", "animal-bird", "animal-amphibian", "animal-reptile", "animal-marine", "animal-bug",
    "plant-flower", "plant-other", "food-fruit", "food-vegetable", "food-prepared", "food-asian",
    "food-sweet", "drink", "transport-ground", "transport-water", "transport-air", "musical-instrument",
    "sport", "game", "place-building", "clothing", "tool", "household", "light-video", "event",
    "sky-weather", "place-other", "phone", "computer", "science", "office", "writing", "book-paper",
    "money", "award-medal", "arts-crafts", "music", "dishware", "lock", "time",
}

# Single emoji of other subgroups.
MORE = {
    "robot", "ghost", "alien", "skull", "pile of poo", "red heart", "broken heart", "snowman", "mountain",
    "volcano", "snow-capped mountain", "globe showing Americas", "brain", "eye", "bone", "tooth", "astronaut",
    "superhero", "mage", "fairy", "vampire", "mermaid", "Santa Claus", "ninja", "detective", "cook", "farmer",
    "person with crown", "baby", "church", "luggage", "bellhop bell", "package", "syringe", "pill", "moai",
    "bell", "megaphone", "anchor", "smiling face", "smiling face with sunglasses", "church",
    "grinning face", "star", "crystal ball", "stethoscope", "clown face", "dragon", "zombie", "genie",
    "baby angel", "person", "police officer", "firefighter", "pilot", "scientist", "guard",
}

# Pictures that say little at this size, duplicates of a better one, or scenes.
LEFT_OUT = {
    "green apple",     "guide dog", "service dog", "dog face", "cat face", "horse face", "cow face", "pig face", "mouse face",
    "rabbit face", "monkey face", "tiger face", "black cat", "pig nose", "front-facing baby chick",
    "hatching chick", "wing", "black bird", "dragon face", "spouting whale", "tropical fish", "orca",
    "microbe", "leafless tree", "wilted flower", "rosette", "leaf fluttering in wind", "empty nest",
    "fallen leaf", "herb", "root vegetable", "brown mushroom", "tamale", "stuffed flatbread",
    "fish cake with swirl", "oden", "moon cake", "bento box", "shallow pan of food", "roasted sweet potato",
    "teacup without handle", "sake", "clinking glasses", "pouring liquid", "mate", "tumbler glass",
    "beverage box", "railway car", "high-speed train", "metro", "light rail", "station", "mountain railway",
    "tram car", "oncoming bus", "trolleybus", "oncoming police car", "oncoming taxi",
    "oncoming automobile", "articulated lorry", "manual wheelchair", "motorized wheelchair", "bus stop",
    "motorway", "railway track", "oil drum", "police car light", "horizontal traffic light",
    "construction", "motor boat", "ferry", "airplane departure", "airplane arrival", "seat",
    "suspension railway", "mountain cableway", "aerial tramway", "building construction", "brick", "wood",
    "houses", "derelict house", "house with garden", "Japanese post office", "love hotel", "wedding",
    "Japanese castle", "department store", "convenience store", "bank", "hospital", "hotel", "post office",
    "school", "foggy", "night with stars", "cityscape", "sunrise over mountains", "sunrise",
    "cityscape at dusk", "sunset", "bridge at night", "hot springs", "playground slide", "barber pole",
    "lab coat", "safety vest", "sari", "one-piece swimsuit", "briefs", "shorts", "bikini",
    "woman’s clothes", "clutch bag", "purse", "thong sandal", "woman’s sandal", "flat shoe", "hair pick",
    "prayer beads", "military helmet", "rescue worker’s helmet", "ballet shoes", "pick",
    "hammer and pick", "hammer and wrench", "nut and bolt", "clamp", "white cane", "link", "broken chain",
    "hook", "carpentry saw", "elevator", "window", "mirror", "shower", "plunger", "mouse trap",
    "razor", "lotion bottle", "safety pin", "roll of paper", "bubbles", "sponge", "film frames",
    "camera with flash", "magnifying glass tilted right", "videocassette", "diya lamp", "tanabata tree",
    "pine decoration", "Japanese dolls", "carp streamer", "wind chime", "moon viewing ceremony",
    "red envelope", "reminder ribbon", "admission tickets", "ticket", "sparkler", "confetti ball", "ribbon",
    "new moon", "waxing crescent moon", "first quarter moon", "waxing gibbous moon", "waning gibbous moon",
    "last quarter moon", "waning crescent moon", "new moon face", "first quarter moon face",
    "last quarter moon face", "full moon face", "sun with face", "milky way", "sun behind small cloud",
    "sun behind large cloud", "sun behind rain cloud", "cloud with lightning and rain", "fog", "wind face",
    "cyclone", "snowman without snow", "umbrella with rain drops", "umbrella on ground", "closed umbrella",
    "glowing star", "water wave", "thermometer", "mobile phone with arrow", "telephone receiver",
    "low battery", "electric plug", "trackball", "computer disk", "dvd", "fax machine", "pager", "petri dish",
    "alembic", "card index dividers", "open file folder", "file folder", "calendar", "spiral notepad",
    "spiral calendar", "card index", "chart increasing", "chart decreasing", "bar chart", "round pushpin",
    "linked paperclips", "card file box", "file cabinet", "triangular ruler", "tear-off calendar", "clipboard",
    "black nib", "pen", "memo", "notebook with decorative cover", "closed book", "green book",
    "blue book", "orange book", "notebook", "ledger", "page with curl", "page facing up",
    "rolled-up newspaper", "bookmark tabs", "bookmark", "label", "newspaper", "yen banknote", "euro banknote",
    "pound banknote", "money with wings", "receipt", "chart increasing with yen", "2nd place medal",
    "3rd place medal", "military medal", "sports medal", "performing arts", "framed picture", "thread",
    "sewing needle", "knot", "musical score", "level slider", "control knobs", "studio microphone",
    "musical notes", "locked with pen", "locked with key", "unlocked", "old key", "softball", "tennis",
    "rugby football", "flying disc", "cricket game", "field hockey", "ice hockey", "lacrosse", "goal net",
    "flag in hole", "fishing pole", "diving mask", "running shirt", "martial arts uniform", "curling stone",
    "sled", "skis", "badminton", "pool 8 ball", "water pistol", "slot machine", "piñata", "mirror ball",
    "nesting dolls", "spade suit", "heart suit", "diamond suit", "club suit", "joker", "mahjong red dragon",
    "flower playing cards", "puzzle piece", "yo-yo", "amphora", "long drum", "maracas", "harp", "fork and knife",
    "chopsticks", "hourglass done", "hourglass not done", "stopwatch", "timer clock", "mantelpiece clock",
    "stadium", "classical building", "office building", "rock", "dodo", "cockroach", "mosquito", "scorpion",
    "fly", "worm", "badger", "skunk", "ox", "water buffalo", "ewe", "two-hump camel", "mammoth", "bison",
    "rat", "beaver", "boar", "leopard", "moose", "donkey", "dodo", "feather", "goose", "phoenix", "oyster",
    "beetle", "cricket", "olive", "mango", "ginger root", "pea pod", "beans", "leafy green", "potato",
    "flatbread", "falafel", "burrito", "fondue", "cut of meat", "canned food", "salt", "butter", "rice cracker",
    "cooked rice", "curry rice", "dango", "custard", "shaved ice", "fortune cookie", "takeout box", "jar",
    "kitchen knife", "ice", "baby bottle", "minibus", "pickup truck", "sport utility vehicle", "auto rickshaw",
    "roller skate", "wheel", "stop sign", "fuel pump", "monorail", "train", "hut", "Tokyo tower", "factory",
    "trombone", "banjo", "musical keyboard", "flute", "joystick", "ping pong", "volleyball", "baseball",
    "cloud with lightning", "cloud with snow", "tornado", "dashing away", "billed cap", "folding hand fan",
    "shopping bags", "gloves", "goggles", "coat", "hiking boot", "woman’s boot", "man’s shoe",
    "woman’s hat", "kimono", "chains", "ladder", "boomerang", "balance scale", "axe", "wastebasket",
    "couch and lamp", "toilet", "bathtub", "basket", "soap", "toothbrush", "bucket", "shopping cart",
    "fire extinguisher", "radio", "desktop computer", "printer", "keyboard", "computer mouse", "optical disk",
    "abacus", "floppy disk", "clapper board", "film projector", "video camera", "movie camera",
    "satellite antenna", "scroll", "crayon", "straight ruler", "paperclip", "pushpin", "fountain pen",
    "coin", "dollar banknote", "credit card", "thermometer", "splatter", "harp", "treasure chest", "hyacinth",
    "lotus", "white flower", "sheaf of rice", "shamrock", "parachute", "small airplane", "kaaba", "eye",
    "speaking head", "circus tent", "shallow pan of food", "hiking boot", "shovel", "toolbox", "dagger",
    "crossed swords", "screwdriver", "wrench", "dna", "test tube", "skier", "beach with umbrella",
}

# Words people use for a concept besides its label; the first is the caption's usual word.
WORDS = {
    "automobile": ["car", "automobile", "auto"], "honeybee": ["bee", "honeybee"],
    "lady beetle": ["ladybug", "ladybird", "lady beetle"], "red apple": ["apple", "red apple"],
    "ear of corn": ["corn", "ear of corn", "maize", "sweetcorn"], "deciduous tree": ["tree", "deciduous tree"],
    "evergreen tree": ["pine tree", "fir tree", "evergreen tree", "spruce"],
    "french fries": ["fries", "french fries", "chips"], "soft ice cream": ["ice cream cone", "soft ice cream"],
    "ice cream": ["ice cream", "bowl of ice cream"], "hot pepper": ["chili", "hot pepper", "chili pepper"],
    "hot beverage": ["cup of coffee", "coffee", "cup of tea", "hot drink", "mug"],
    "glass of milk": ["glass of milk", "milk"], "mobile phone": ["phone", "mobile phone", "smartphone"],
    "american football": ["american football", "football"], "soccer ball": ["soccer ball", "ball", "football"],
    "flying saucer": ["ufo", "flying saucer", "spaceship"], "T-Rex": ["t-rex", "dinosaur", "tyrannosaurus"],
    "sauropod": ["long-necked dinosaur", "sauropod", "brontosaurus", "dinosaur"],
    "wrapped gift": ["gift", "present", "wrapped gift"], "lobster": ["lobster"], "ram": ["sheep", "ram", "lamb"],
    "shortcake": ["piece of cake", "shortcake", "slice of cake"], "lion": ["lion"],
    "poultry leg": ["chicken leg", "drumstick", "poultry leg"], "meat on bone": ["meat", "meat on bone", "steak"],
    "cheese wedge": ["cheese", "cheese wedge"], "red heart": ["heart", "red heart"],
    "globe showing Americas": ["earth", "globe", "planet earth", "world"], "ringed planet": ["planet", "saturn", "ringed planet"],
    "snow-capped mountain": ["snowy mountain", "snow-capped mountain"], "hamburger": ["burger", "hamburger", "cheeseburger"],
    "doughnut": ["donut", "doughnut"], "bottle with popping cork": ["bottle of champagne", "champagne", "bottle"],
    "wine glass": ["glass of wine", "wine", "wine glass"], "beer mug": ["beer", "mug of beer", "beer mug"],
    "clinking beer mugs": ["two beers", "clinking beer mugs"], "cocktail glass": ["cocktail", "cocktail glass", "martini"],
    "tropical drink": ["tropical drink", "cocktail with umbrella"], "cup with straw": ["soda", "cup with straw", "soft drink"],
    "passenger ship": ["ship", "cruise ship", "passenger ship"], "ship": ["ocean liner", "big ship", "liner"],
    "locomotive": ["steam train", "train", "locomotive", "steam engine"], "bullet train": ["bullet train", "fast train"],
    "racing car": ["race car", "racing car", "formula one car"], "delivery truck": ["truck", "delivery truck", "lorry"],
    "fire engine": ["fire truck", "fire engine"], "airplane": ["plane", "airplane", "aeroplane", "jet"],
    "motor scooter": ["motor scooter", "moped", "vespa"], "kick scooter": ["scooter", "kick scooter"],
    "bicycle": ["bicycle", "bike"], "motorcycle": ["motorcycle", "motorbike"], "sailboat": ["sailboat", "boat", "sailing boat"],
    "vertical traffic light": ["traffic light", "traffic lights"], "television": ["tv", "television"],
    "red paper lantern": ["paper lantern", "lantern"], "light bulb": ["light bulb", "lamp", "bulb"],
    "jack-o-lantern": ["jack-o-lantern", "halloween pumpkin", "pumpkin"], "rocket": ["rocket", "space rocket"],
    "magnifying glass tilted left": ["magnifying glass"], "high voltage": ["lightning bolt", "lightning"],
    "droplet": ["drop of water", "water drop", "droplet"], "fire": ["fire", "flame"], "sun": ["sun"],
    "crescent moon": ["moon", "crescent moon"], "full moon": ["full moon"], 
    "graduation cap": ["graduation cap", "mortarboard"], "high-heeled shoe": ["high heel", "high-heeled shoe"],
    "running shoe": ["sneaker", "running shoe", "shoe"], "t-shirt": ["t-shirt", "shirt"], "jeans": ["jeans", "pants", "trousers"],
    "gem stone": ["diamond", "gem", "gemstone", "jewel"], "locked": ["padlock", "lock"], "open book": ["open book", "book"],
    "books": ["books", "stack of books"], "musical note": ["music note", "musical note"],
    "headphone": ["headphones", "headphone"], "game die": ["die", "dice", "game die"], "video game": ["game controller", "gamepad", "video game"],
    "chess pawn": ["chess pawn", "pawn"], "pile of poo": ["poop", "pile of poo"], "person with crown": ["king", "queen", "person with crown"],
    "mage": ["wizard", "mage", "witch", "magician"], "cook": ["chef", "cook"], "smiling face": ["smiley", "smiling face"],
    "smiling face with sunglasses": ["cool smiley", "smiley with sunglasses", "face with sunglasses"],
    "grinning face": ["happy face", "grinning face"], "artist palette": ["palette", "paint palette", "artist palette"],
    "fork and knife with plate": ["plate", "fork and knife with plate", "dinner plate"], "bowl with spoon": ["bowl of soup", "soup", "bowl", "cereal"],
    "steaming bowl": ["noodles", "ramen", "bowl of noodles", "steaming bowl"], "spaghetti": ["spaghetti", "pasta"],
    "green salad": ["salad", "green salad"], "rice ball": ["rice ball", "onigiri"], "cooking": ["fried egg", "frying pan", "cooking"],
    "sparkles": ["sparkles", "stars"], "bullseye": ["dartboard", "bullseye", "target"], "kite": ["kite"],
    "speedboat": ["speedboat", "motorboat"], "money bag": ["money bag", "bag of money", "money"], "gear": ["gear", "cog", "cogwheel"],
    "1st place medal": ["gold medal", "medal", "first place medal"], "ring": ["ring", "diamond ring"], "drum": ["drum"],
    "maple leaf": ["maple leaf", "leaf", "autumn leaf"], "blossom": ["flower", "blossom", "daisy"], "seedling": ["seedling", "sprout", "plant"],
    "baby chick": ["chick", "baby chick"], "bird": ["bird"], "fish": ["fish"], "blowfish": ["pufferfish", "blowfish"],
    "spiral shell": ["seashell", "shell", "spiral shell"], "kiwi fruit": ["kiwi", "kiwi fruit"], "tangerine": ["orange fruit", "tangerine", "mandarin", "orange"],
    "bug": ["caterpillar", "bug"], "nest with eggs": ["nest", "nest with eggs", "bird nest"], "sun behind cloud": ["sun behind a cloud", "sun and cloud"],
    "cloud with rain": ["rain cloud", "cloud with rain", "rain"], "fireworks": ["fireworks", "firework"], "package": ["box", "package", "parcel"],
    "bellhop bell": ["bellhop bell", "hotel bell"], "bed": ["bed"], "top hat": ["top hat", "hat"], "handbag": ["handbag", "purse", "bag"],
    "alarm clock": ["alarm clock", "clock"], "watch": ["watch", "wristwatch"], "glasses": ["glasses", "spectacles", "eyeglasses"],
    "person": ["person", "human", "man", "woman"], "Statue of Liberty": ["statue of liberty"],
    "carousel horse": ["carousel horse", "carousel"], "honey pot": ["honey", "honey pot", "honey jar"], "bubble tea": ["bubble tea", "boba tea"],
    "hot dog": ["hot dog", "hotdog"], "bacon": ["bacon"], "pie": ["pie"], "peanuts": ["peanut", "peanuts"], "egg": ["egg"],
    "whale": ["whale", "blue whale"], "chipmunk": ["chipmunk", "squirrel"],
    "house": ["house", "home", "cottage", "cabin"], "castle": ["castle", "palace"], "tram": ["tram", "streetcar"],
    "brain": ["brain"], "lollipop": ["lollipop"], 
    "bow and arrow": ["bow and arrow", "bow"], "key": ["key"], "briefcase": ["briefcase"],
    "fox": ["fox", "red fox", "vixen"],
    "dog": ["dog", "puppy", "doggy", "hound", "labrador", "retriever", "terrier", "beagle", "corgi", "husky", "dachshund", "bulldog"],
    "cat": ["cat", "kitten", "kitty", "tomcat", "tabby", "house cat"], "rabbit": ["rabbit", "bunny", "hare"],
    "bear": ["bear", "brown bear", "grizzly", "grizzly bear"], "horse": ["horse", "pony", "stallion", "mare", "foal"],
    "pig": ["pig", "piglet", "hog"], "cow": ["cow", "calf"], "chicken": ["chicken", "hen"],
    "rooster": ["rooster", "cockerel"], "duck": ["duck", "duckling", "mallard"], "turtle": ["turtle", "tortoise"],
    "crocodile": ["crocodile", "alligator"], "frog": ["frog", "toad"], "mouse": ["mouse", "rat"],
    "monkey": ["monkey", "ape", "chimpanzee"], "deer": ["deer", "stag", "fawn"],
    "eagle": ["eagle", "bald eagle", "hawk", "falcon"], "parrot": ["parrot", "macaw", "cockatoo"],
    "snake": ["snake", "python", "cobra", "viper"], "lizard": ["lizard", "gecko", "iguana", "salamander"],
    "butterfly": ["butterfly", "moth", "monarch butterfly"], "hippopotamus": ["hippo", "hippopotamus"],
    "rhinoceros": ["rhino", "rhinoceros"], "spider": ["spider", "tarantula"], "mushroom": ["mushroom", "toadstool"],
    "eggplant": ["eggplant", "aubergine"], "rose": ["rose", "red rose"], "church": ["church", "chapel"],
    "taxi": ["taxi", "cab"], "bus": ["bus", "school bus"], "laptop": ["laptop", "computer"],
    "umbrella": ["umbrella", "parasol"], "teddy bear": ["teddy bear", "teddy"], "robot": ["robot", "android"],
    "alien": ["alien", "extraterrestrial", "martian"], "police officer": ["police officer", "policeman", "cop"],
    "firefighter": ["firefighter", "fireman"], "baby": ["baby", "infant", "toddler"], "ghost": ["ghost", "phantom"],
    "vampire": ["vampire", "dracula"], "bell pepper": ["bell pepper", "pepper", "paprika"],
    "cupcake": ["cupcake", "muffin"], "cookie": ["cookie", "biscuit"], "candy": ["candy", "sweet", "bonbon"],
    "pot of food": ["pot of food", "stew", "pot"], "violin": ["violin", "fiddle"],
    "guitar": ["guitar", "electric guitar"], "helicopter": ["helicopter", "chopper"], "comet": ["comet", "meteor"],
    "necktie": ["necktie", "tie"], "socks": ["socks", "sock"], "dress": ["dress", "gown"],
    "backpack": ["backpack", "rucksack"], "luggage": ["suitcase", "luggage"], "broom": ["broom", "broomstick"],
    "paintbrush": ["paintbrush", "brush"], "yarn": ["ball of yarn", "yarn", "wool"],
    "potted plant": ["potted plant", "houseplant", "pot plant"], "palm tree": ["palm tree", "palm"],
    "blueberries": ["blueberries", "blueberry"], "cherries": ["cherries", "cherry"],
    "superhero": ["superhero", "super hero"], "crown": ["crown", "tiara"], "bread": ["bread", "loaf of bread"],
    "mountain": ["mountain", "peak"], "police car": ["police car", "cop car"],
}


def clean(label):
    return re.sub(r"[’']s?", lambda m: m[0].replace("’", "'"), label)


def concepts(packages):
    """Ordered list of (label, hexcode, tags, subgroup) that every set is asked for."""
    root = os.path.join(packages, "emojibase-data-17.0.0/package")
    names = json.load(open(f"{root}/meta/groups.json"))["subgroups"]
    found = []
    for entry in json.load(open(f"{root}/en/data.json")):
        subgroup = names.get(str(entry.get("subgroup")))
        label = entry["label"]
        if ("o’clock" in label or "thirty" in label) or label in LEFT_OUT:
            continue
        if subgroup in SUBGROUPS or label in MORE:
            found.append((label, entry["hexcode"].lower(), entry.get("tags", []), subgroup))
    return found


def words(label):
    """Words for a concept, the usual one first."""
    return WORDS.get(label, [clean(label).lower()])
