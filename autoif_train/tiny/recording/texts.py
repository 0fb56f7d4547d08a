"""Replies on which the recorded supervisor tries its functions: chat prose, and the mini-English of the tiny world."""

from __future__ import annotations

SHORT = """\
Fresh berries.
It eats grass.
Bake it slowly.
The fox is red.
Soup needs more salt.
The bear likes to climb.
Trains leave every ten minutes.
The owl lives in the barn.
You can walk there in winter.
The whale is big and eats fish.
Rome was not built in one day.
The duck is white and likes to swim.
Plant the bulbs before the first frost comes.
Milk and honey.
Ask your doctor first.
Water boils sooner on high mountains.
Cats sleep most of each day.
A pinch of salt helps.
""".splitlines()

MIDDLE = """\
The bee is tiny and it lives in gardens.
Most bakers start work long before the sun rises.
The cow is white. It eats grass in the field.
Take an umbrella because it often rains there in spring.
A cat can climb. It is black and drinks some milk.
Boil the eggs for seven minutes and cool them at once.
The horse is brown. It likes to run and it eats hay.
Our library opens at nine and closes at six on most days.
The wolf is gray. It lives in the forest and it eats meat.
A good map shows the rivers and the roads of a whole region.
The goat is white. It can climb the hill and it eats green leaves.
Wash the rice twice and let it rest for half an hour before cooking.
The lion is yellow. It is a big animal and it likes to eat meat.
Penguins cannot fly but they swim better than many fish in those cold seas.
The seal is gray. It can swim very well and you can find it near beaches.
Prague has many bridges. Walk across the oldest one early in the morning to enjoy some quiet.
The baker makes bread. You can find the baker in the bakery before the sun is up.
""".splitlines()

LONG = [
    "To dry herbs you tie them in small bunches and hang them upside down in some warm and dark room.",
    "The monkey is brown. It lives in the jungle. It likes to eat bananas and it can climb very well.",
    "Start with the edges of the puzzle. Then sort what is left by color and build one small island after another.",
    "The frog is green. It eats flies. It can jump very well. You can find the frog near the pond in the evening.",
    "A bicycle stays upright because small turns of the front wheel keep bringing it back under the weight of its "
    "rider.",
    "The camel is yellow. It lives in the desert. It can walk for days. It likes to eat dates and it looks very "
    "big to children.",
    "Pack light clothes for the day and something warm for the evening. Nights in the desert are cold even in the "
    "middle of summer.",
    "The volcano slept for two hundred years. Then it woke up in a single night. Farmers still find gray dust in "
    "their fields after every heavy rain.",
    "Read the first chapter slowly. Mark each word you do not know. Look them up afterwards. Then read it all "
    "again and you will be surprised by how much more you see.",
]

LISTING = """\
Well, the fox is red.
Sure, the crow is black, and it eats corn.
The pig is pink, it eats apples, and it lives on the farm.
Pack a torch, a rope, a map, and some bread.
In June, when days are long, hikers start late, rest often, and still arrive before dark.
First rinse the lentils, then chop an onion.
Okay, the parrot is red, and you can find it in the jungle, and it likes to fly.
Bring cheese, olives, bread.
Of course, a turtle is slow.
Lisbon, Porto, Faro, and Braga are all worth a stop.
""".splitlines()

EXCITED = """\
The dog can run very well!
Fresh bread tastes best on the day it is baked!
Mind the step. It is high!
What a lovely garden!
Run! The kettle is boiling over!
The shark is blue! It lives in the ocean!
Yes! You did it! Now rest.
Well done! Keep going! You are nearly there!
The bear is big! It likes to climb! It eats honey!
Stop!! Wait for the green light!
Bravo! Encore! What a concert! Nobody wants to leave!
Happy birthday! May all your wishes come true.
""".splitlines()

ASKING = """\
Is that clear?
The deer is brown. Did you know that?
I would take the night train. Does that suit you?
It eats shrimp. Do you like it?
You could paint the door blue, but would the landlord agree?
The pond is deep. It is cold. Frogs like it. Do you?
Why not try it with lemon?
The ant can dig. Is that okay?
Start with ten minutes a day. Shall I write you a plan?
""".splitlines()

NOT_ASKING = """\
What color is it? It is red.
Do you see the crab? It hides under that stone.
People ask why. Nobody knows.
Is it far? No, five minutes on foot!
""".splitlines()

PLAIN = [*SHORT, *MIDDLE, *LONG]
EVERYDAY = [*PLAIN, *LISTING, *EXCITED, *ASKING, *NOT_ASKING]
