"""The 2,048 words of room codes: 11 bits each, in an order that is part of the protocol.

Made by scripts/wordlist.py, which see docs/wordlist.md for sources and rules: from the English list of BIP-39 (MIT),
Glitch's friendly-words (MIT) and the EFF's lists for passphrases (Electronic Frontier Foundation, CC BY 3.0 US,
selected from). Four to eight letters, no two alike in their first four, none a typing slip away from another.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

_TEXT: Final = """
aardvark abacus abiding ability ablaze aboard abrupt absent absorb abstract abundant academy access account accurate
acetone achieve acid acorn acoustic acquire acre acrobat acrylic action actual acute adapt addition address adhesive
adjust admit adorable advance adverb advice aerosol affluent afford afoot agent agile agree ahoy airboat airmail
airport airship alarm album alchemy alert alfalfa algae algebra alive alliance allow allspice alluring almanac almond
aloe aloha alpaca alphabet alpine amateur amazing ambition amenable amethyst amigo amount amplify amused anaconda
anagram analyst anatomy anchovy ancient anemone anew angel angle angora animal anklet annex announce annual answer
antacid antenna anthem antique antler anvil anywhere apology apparel appear applaud approve apricot apron aquarius
aqueduct arachnid arch arctic area argue armband armchair armoire armrest aromatic arrange arrive artist artwork asleep
aspect asphalt aspiring asset assist assorted aster astonish astride astute athlete atlantic atom atrium attach attend
attitude attract audit aurora auto avatar average aviation avocado avoid awake award awesome axis azalea azure baby
backbone bacon badger bagel baggy bagpipe baguette bakery baking balance balcony balloon balmoral balsam bamboo banana
banjo bank banter barbell bargain baritone barley barnyard barrow basalt baseball basic basket bassoon bathtub battery
beagle beard beauty beaver beetle beginner begonia behave believe bellows belt beluga benefit bicycle bike bind biology
biplane birch birthday bison bistro black blanket bleach blender blimp blizzard blossom blouse bluebell blur boat
bobcat boiled bolster bonanza bonfire bongo bonsai bonus bookworm booming boots border borrower botany bottle bounce
bouquet boxcar boxer boxy bracket brain bramble brand breeze bright bring brisk brittle broad broccoli broiler bronze
broom brother brownie brunch bubble buckle buddy budget buffalo bugle building bulb bulldog bulrush bumper bundle
burger burrito burst business bustling busy button buzz cabbage cabin cactus caddy calcium calm camel camper canary
cancel candle canine canopy canteen canyon capacity capri capsule captain caravan carbon cardigan carefree cargo
caribou carload carnival carousel carpet carriage cart cascade cashew cassette castle casual catalyst catcher category
catfish catnip catwalk cauldron cautious cavalry caviar cayenne cedar celery cellist celsius century ceramic ceremony
certain chalk champion channel chapel chariot chaste chat checkers cheese chemical cherry chess chewy chicken child
chimney chipmunk chisel chivalry chlorine chowder chrome chuckle chunk cicada cilantro cinema cinnamon circle citadel
citizen citrine city civil claim clap clarinet classic clean clerk client cliff climbing clog closure cloth cloud
clover club cluster coach coaster cobalt cobble cobra cobweb cockpit coconut coherent coin coleslaw coliseum collage
colony colt combine comet comfort comic common compass comrade concert condor confetti conifer connect consider control
convince cook copilot copper coral corner corporal correct cortex cosmos cotton country couple cousin cowbell crab
craft crank crater crawl crayfish creamy credit crest cricket crisp critic crocus crop crossbow crown crunchy crystal
cube cubic cuckoo cucumber cuddly cuisine culinary culture cupboard cupcake curator curious curler currency curve
cushion custom cyclist cylinder daffodil dahlia daily dainty damp dance dandy dapper darkroom dashing data daughter
daycare daydream daylight dazzling dealer debate decide decorate dedicate deep defender define deliver delta deluxe
demand denim dentist depart depend deposit deputy derby describe design desk dessert destiny detail detect detour
develop devote diagram dial diamond diary diesel digest digital dignity dilemma diligent dimple diner dinghy dining
dinosaur diploma direct discover dish display distance ditto divert divide document dogwood dolphin domain donate
donkey doorbell dormouse dove dragon dramatic drawer dresser drifter drill drink driveway drizzle droplet drum duchess
duckling duffel dumpling dune dungeon duration dust dynamic eager earmuff earpiece earth easily east eatery ebony echo
eclipse ecology economy ecstasy edgy edit educate effect effort eggnog eggplant eggshell egret elastic elbow elder
electric elegant element elephant elevator eligible elite elixir eloquent elusive elves email embark emblem embody
embrace emerge eminent emotion empathy emphasis employ empower empty emulate enable enamel encircle enclose encode
endless energy enforce engage engine enhance enjoy enlist enormous enrich ensemble entire entry envelope epilogue
epiphany episode epoch epoxy equation equip eraser error espresso essay essence estate estimate estuary eternal
ethernet ethics evening evidence evoke evolve exact example excess exchange excite exist exodus exotic expand expect
explain express extend extra eyebrow eyeliner fabric fabulous fact faculty fade failsafe fairway faithful falcon family
famous fancy fanfare fantasy farmyard fashion fasten faucet fearless feather feedback fence fennel fern ferret festival
fiction fiddle field figure filament film filter final finch finisher fireside fishing fjord flagship flamingo flannel
flapjack flash flattery flavor flawless fleece flicker flint flip flock floor floral flourish flowery fluff fluid flute
flyer focus foggy foil follow footpath force forest fortune forum fossil foster found foxglove foxtail fraction fragile
frame freckle freedom frequent fresco friend fringe frog frolic front frosted froth frozen fudge fuel function furnace
future gadget gain galaxy galley galore gamma garage garden garlic garment garnet gateway gather gazebo general genius
gently genuine geology geometry geranium gerbil gesture giant gift gigantic giggle ginger giraffe glacier glance
glasses glaze gleaming gleeful glide glimpse glisten glitter globe glory glossy glowing glucose goggles gold gondola
gong goofy goose gorgeous gourmet govern grace gradient graffiti grandma grapple grateful gravity green grid griffin
grizzly grocery groovy grotto group grow guard guava guidance guitar gull guppy guru gusty gymnast habit hacienda
haddock haiku haircut halibut hallway halo hammock hamster handbag hangar happy hardware harmony harness harpoon
harvest hatchery hawthorn haystack hazelnut head health hearing heavy hedgehog helium helmet helper herald heritage
hermit heron hickory hidden hillside hint history holiday holly homespun honey hoof hope horizon hornpipe hospital
hotel hover howler hula human humble humility humming humorous hungry hurdle hurry hyacinth hybrid hydrant hyena hyper
iceberg icicle icon idea identify igloo ignition iguana impact improve include income increase index indicate indoor
industry infinity inform inherit initial inner innocent input inspire install intact interest intrigue invest invite
iodine iris ironclad island islet isolate issue ivory jackpot jaguar jalapeno janitor jargon jasper jazz jelly jester
jewel jigsaw jogging joke journey jovial joyous joystick jubilant judo juicy jukebox jump juncture jungle juniper
jupiter justice kale kangaroo karaoke kayak kebab keepsake kelp kerchief kerosene ketchup kettle keyboard kiln kilowatt
kimchi kimono kindly kinetic kingdom kiosk kitchen kite kitten kiwi knapsack knitting koala kudos label lacquer lacy
ladle ladybird lagoon lamb landmark language lanky lantern lapis laptop lark lasagna lasso latitude lattice laundry
laurel lavender lavish lawn layer leaflet learning lecture leek leftover legal legend leggings leisure lemming lemonade
lend length lentil leopard letdown lettuce level levitate liberty library life lifter likeness lilac lily limerick
limit linen linguist link linnet list little lively living llama lobby lobster local locust lodge loft logic lollipop
loop lottery lotus lounge lucid lucky luggage lullaby lumber luminous lunar lunch luxury lyrics macaw machine mackerel
madrigal maestro magazine magenta magic magnolia magpie mahogany mailbox majestic majority makeup malt mammoth manage
mandolin mangrove manor mansion mantis manual maple marathon marble margin marina market maroon marsh marzipan mascot
mask mastiff matador matchbox matrix mauve maximum mayday meadow mechanic media medley meeting melon member memory
mention mercury merit mesh message meteor method midnight mighty milk mimosa minimum minnow minstrel minute miracle
mirror mittens mixer mixture mobile mocha model module mohair moist mole moment mongoose monitor monogram monsoon month
monument mood moonbeam mosaic mossy mother motor mountain mouse movie mulberry multiple mural museum mushroom music
muslin mutual mystery myth name napkin nation nature nautilus navigate navy neatly nebula nectar needle neon nephew
neptune network neuron neutral newt nickel nifty nimble ninja nitrogen noble noise noodle normal north nosy notable
notch notepad notice noun novel nucleus nurse nutrient nutshell nylon oasis oatmeal object oboe observe obsidian
obstacle obtain obvious occupy ocean ocelot octave octopus offer office olivine olympic omega omnibus onboard onion
online opaque opera opinion option orange orbit orchid orderly ordinary oregano organic original oriole ornament osprey
ostrich otter ottoman outdoor outfit outgoing outpost oval oven overcoat oxbow oxygen pacific package paddle padlock
page pagoda painter paisley palace pamphlet pancake panda panel panorama panther papaya paprika parakeet parcel parent
parka parmesan parrot party passage pastry path patio patrol pattern pavement pavilion paycheck payment peach peanut
pearl pebble pegasus pelican pellet pencil pendulum penguin pennant pension pentagon peony people pepper percent
perfume person petition petunia pewter pheasant phoenix photo physical pianist piccolo pick picnic picture pigeon
piglet pigment pillar pilot pine pinto pioneer piranha pisces pizza placard plaid planet plaster plateau play plaza
pledge plenty plum plunge plywood pocket podium poet pointy poised polished polka pollen polygon pompom poncho pond
popcorn poppy popsicle popular porpoise porridge portrait position possible postage potato poultry powdery power
prairie prance preamble precious predict prefer prelude prepare pretzel prevent price primrose print priority prism
private process produce profile progress project promote prong property protocol proud provide prune public pudding
puffin pulley pulp pulsar puma pumice pumpkin pupil puppet purchase purpose pursuit push puzzle pyramid python quadrant
quaint quality quantum quarry quasar quench question quiche quiet quill quince quirky quiver quote rabbit raccoon radar
radish rafter ragtime railing rainbow raisin rampart random ranger rapid raptor rare ratchet rattle raven ravioli razor
reaction ready reason reboot rebuild receive recipe record recycle reduce reef referee reflect reform refresh refund
region regroup regular reindeer relay release relief reload remain remember remind remove rename render renew renovate
reopen repair repeat replace report require rescue research resource response retreat return reunion reveal reward
rewrite rhubarb rhythm ribbon ricotta ridge riding rightful ripen ripple rise risotto rival river roadway roasted robot
robust rocky romance roomy roost rosebud rotate rotunda roulette roundup router rowboat royal rucksack rugby rumbling
runabout rundown runner runway rustic sable safari safe saffron saga sailor salami saline salmon salsa salty salvage
samba sample sandbox sapling sapphire sardine satin sauce sauna sausage savings sawdust scallop scanner scarf scenery
schedule school science scissors scone scooter scorpion scout scratch screen script scroll scrub scuba scuttle seagull
seaside seat seaweed section security sedge select seltzer semester seminar sentence separate sepia sequin series
service sesame sessions setup shadow shake shamrock sharp shell shepherd sherbet shimmer shingle ship shirt shortcut
shoulder shovel show shrimp shrubs shuffle shutter sibling sidewalk sierra siesta signpost silent silicon silkworm silt
silver similar simplify sincere singular siren sister sitcom sitting sizzle skater sketch skiff skillet skittle skylark
skyward slalom sleepy sleuth slim slipper slogan slush small smart smiling smock smooth snack snail snorkel snowball
soapy soccer social sofa softball solid solo solstice solution solve sombrero sonnet soprano sorbet sorrel south
soybean spangle sparrow spatial speak special spend sphere sphinx spiced spider spiky spinach spire splash splendid
splice splurge spoiler sponsor spoon sport spotless spray spread spring sprout spruce spur square squeeze squirrel
stadium staff stage stallion stamp stanza staple starling station steamer steeple stellar stem stencil stick stocking
stony stork stove strap street strike strong strut stubble student sturgeon stylish subject subtitle suburb subway
success sudden suede sugar suggest suitcase sultan summer sunbeam sundial sunfish sunrise sunset superb supply supreme
surface surname surprise surround survey sushi sustain swallow swan sweater swift swing swivel swoop sword sycamore
sympathy synergy syrup system tabletop tackle taco tadpole talent talisman talon tango tankard tapestry target tarmac
tartan tassel tasteful tattoo taxi teacup teapot tempo tennis tenor terrace text thankful thatch theme theory thermal
thicket thimble thought thread thrive throne thrush thunder tiara tidal tiger timid tingle tiny titanium title toast
toboggan today toddler toffee token tomato tomboy tomorrow tone tooth topaz topiary torch tornado tortilla total totem
tourist towel track trade traffic transfer trapeze travel trawler treasure treble treetop trellis trend trial tribune
tricycle trident trifle trim trinket tripod triumph trivial trolley trombone trophy trout true truffle trumpet trunk
truthful tsunami tugboat tuition tulip tumbler tummy tuna tundra tungsten tunnel turbine turf turnip turtle tweed twig
twilight twinkle twirl twist typhoon ukulele ultra umbrella umpire uncle uncover unicycle uniform unique unison unit
universe unknown unlock unpack upbeat update upgrade uphill upload upright urchin urgent usher utensil utility utopia
vacant vacuum valid valve vanilla vapor variety varnish varsity vase vegan vehicle velocity velvet vendor venture
verbena verdant verify version vertical vessel veteran viable vibrant vicinity video view vigorous village vinegar
vintage vinyl viola virtual visage visit visor vista visual vital vivid volcano voltage volume voyager waffle wagon
waiter wallet walnut walrus waltz warbler warm wash wealthy weasel wedding weekend welcome west whistle wicker wide
widget width wiggly wigwam wildcat willow windmill winery winter wisdom wishbone wistful witness wizard woman wombat
wonder woodland wool workshop world wormhole wrench yacht yarn yearbook yellow yippee yoga young youthful zeal zebra
zenith zephyr zinnia zipper zodiac zoology zoom zucchini
"""

WORDS: Final[tuple[str, ...]] = tuple(_TEXT.split())
"""All of them, sorted."""
INDEX: Final[dict[str, int]] = {word: at for at, word in enumerate(WORDS)}
"""Each word's place in WORDS."""

_HEAD: Final = 4  # letters that no two words have in common
_LONGEST: Final = 16  # typed letters that are worth comparing: no word has more than eight
_MISTAKES: Final = 2
_SHORT: Final = 5


def complete(prefix: str) -> list[str]:
    """The words that begin so, sorted; all of them for an empty prefix."""
    prefix = prefix.lower()
    first = bisect_left(WORDS, prefix)
    # Nothing in a word sorts after "{".
    return list(WORDS[first : bisect_left(WORDS, prefix + "{", first)])


def nearest(word: str) -> str | None:
    """The word that was probably meant: the same first four letters, or at most two mistakes. None if there is none."""
    word = word.lower()
    if word in INDEX:
        return word
    if not 3 <= len(word) <= _LONGEST:
        return None
    best = min(WORDS, key=lambda known: (_mistakes(word, known), known[0] != word[0]))
    # Of a short word two mistakes leave too little.
    if _mistakes(word, best) <= (_MISTAKES if len(word) > _SHORT else 1):
        return best
    begun = complete(word[:_HEAD])
    return begun[0] if len(begun) == 1 else None


def _mistakes(typed: str, word: str) -> int:
    """Letters wrong, missing, too many or swapped with their neighbours; more than _MISTAKES are not counted out."""
    if abs(len(typed) - len(word)) > _MISTAKES:
        return _MISTAKES + 1
    before: list[int] = []
    row = list(range(len(word) + 1))
    for i, char in enumerate(typed):
        last, before, row = before, row, [i + 1]
        for j, letter in enumerate(word):
            cost = min(before[j] + (char != letter), before[j + 1] + 1, row[j] + 1)
            if i and j and char == word[j - 1] and typed[i - 1] == letter:
                cost = min(cost, last[j - 1] + 1)
            row.append(cost)
        if min(row) > _MISTAKES:
            return _MISTAKES + 1
    return row[-1]
