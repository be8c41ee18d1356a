"""English words and sentence frames of the sentiment task.

A frame is a clause with slots. {adj} {verb} {noun} {adv} take a polarity word
of that class; {topic} {name} {place} {time} {deg} {mod} take neutral words.
"""

POSITIVE = {
    "adj": """good great excellent wonderful amazing fantastic superb
        brilliant lovely delightful perfect outstanding marvelous terrific
        impressive beautiful charming pleasant enjoyable splendid awesome
        magnificent fabulous remarkable exceptional incredible stunning
        gorgeous elegant graceful refreshing inspiring satisfying rewarding
        uplifting heartwarming thrilling exciting captivating fascinating
        engaging fun helpful useful reliable trustworthy generous kind
        friendly thoughtful considerate polite welcoming cheerful joyful
        happy pleased satisfied grateful glad smooth flawless effortless
        comfortable cozy clean tidy fresh tasty delicious flavorful crisp
        sharp clever smart witty funny creative original innovative skillful
        masterful talented polished sturdy durable affordable fair honest
        sincere bright vivid magical dazzling radiant superior stellar
        phenomenal admirable praiseworthy""".split(),
    "verb": """love loves loved adore adores adored enjoy enjoys enjoyed
        like likes liked admire admires admired appreciate appreciates
        appreciated praise praises praised recommend recommends recommended
        treasure treasures treasured cherish cherishes cherished
        celebrate celebrates celebrated applaud applauds
        applauded""".split(),
    "noun": """masterpiece triumph success delight joy pleasure treasure gem
        blessing miracle winner bargain highlight marvel treat victory
        breakthrough wonder paradise dream gift hit improvement
        jewel""".split(),
    "adv": """beautifully perfectly wonderfully brilliantly superbly
        flawlessly smoothly excellently nicely splendidly gracefully
        marvelously effortlessly skillfully reliably admirably cheerfully
        impressively delightfully masterfully""".split(),
    "sup": """best finest greatest nicest loveliest happiest kindest funniest
        tastiest smartest cleanest sweetest""".split(),
}

NEGATIVE = {
    "adj": """bad terrible awful horrible dreadful poor disappointing
        mediocre boring dull tedious annoying irritating frustrating
        unpleasant disgusting revolting nasty ugly hideous dirty filthy
        smelly stale rotten bland tasteless bitter soggy broken faulty
        defective useless worthless pointless unreliable untrustworthy
        unhelpful rude hostile unfriendly cruel mean selfish careless
        arrogant dishonest unfair overpriced cheap flimsy fragile clumsy
        awkward confusing messy chaotic noisy uncomfortable painful
        miserable sad depressing gloomy dreary upset unhappy angry furious
        dissatisfied disappointed frustrated bored exhausting tiresome
        stressful scary horrid atrocious appalling abysmal pathetic lousy
        inferior shoddy sloppy lazy stupid foolish ridiculous absurd
        embarrassing shameful disgraceful offensive insulting toxic harmful
        dangerous disastrous catastrophic unbearable lifeless
        forgettable""".split(),
    "verb": """hate hates hated dislike dislikes disliked detest detests
        detested despise despises despised loathe loathes loathed regret
        regrets regretted resent resents resented criticize criticizes
        criticized condemn condemns condemned dread dreads dreaded
        abhor abhors abhorred blame blames blamed""".split(),
    "noun": """disaster failure mess nightmare disappointment catastrophe
        embarrassment waste scam letdown flop fiasco horror shame joke
        mistake torture burden insult ripoff headache tragedy
        travesty annoyance""".split(),
    "adv": """badly terribly poorly awfully horribly dreadfully miserably
        clumsily carelessly sloppily rudely painfully pathetically
        disastrously annoyingly unreliably awkwardly shamefully
        atrociously abysmally""".split(),
    "sup": """worst ugliest dullest nastiest poorest saddest dirtiest rudest
        meanest laziest foulest weakest""".split(),
}

TOPICS = """movie film book novel play concert album song show series episode
    lesson lecture course class workshop meeting meal dinner lunch breakfast
    soup salad pizza pasta bread cake coffee tea sandwich curry steak dessert
    restaurant cafe bakery hotel room lobby beach museum gallery park garden
    zoo library school office station airport train bus taxi flight ferry
    bicycle car scooter phone laptop tablet camera keyboard screen battery
    charger printer speaker headset watch lamp chair desk sofa bed pillow
    blanket jacket coat shirt dress pair_of_shoes hat bag backpack umbrella
    app game website update manual interface program tool service delivery
    package order support_team waiter chef teacher doctor nurse driver guide
    neighbor manager landlord band actor singer painting photo poster design
    story plot ending chapter dialogue soundtrack trailer picture
    kitchen bathroom balcony view street market shop store bridge city village
    weekend holiday trip tour party wedding ceremony festival parade match
    race team coach player stadium ticket seat menu sauce rice noodle_dish
    egg cheese apple juice wine beer toast vase toy puzzle bicycle_ride
    walk swim hike conversation interview speech presentation report email
    letter answer question plan project result experiment recipe haircut
    apartment house roof door window elevator""".split()

# Never in the training text; for the held-out sentences.
UNSEEN_TOPICS = """documentary podcast musical opera circus sushi burger
    pancake omelette lasagna hostel campsite aquarium temple tram yacht
    skateboard motorcycle drone router microphone projector fridge oven
    mattress carpet curtain sweater scarf pair_of_gloves necklace wallet
    compiler database spreadsheet tutorial seminar webinar dentist plumber
    barber librarian orchestra sculpture cartoon comic sequel remake
    basement garage fountain canyon harbor lighthouse vineyard marathon
    tournament goalkeeper referee smoothie muffin""".split()

NAMES = """Anna Ben Carla David Emma Frank Grace Henry Irene Jack Karen Leo
    Maria Nina Oliver Paul Rachel Sam Tina Victor Wendy Alice Bob Chloe Diana
    Eric Fiona George Hannah Ivan Julia Kevin Laura Martin Nora Oscar Peter
    Rosa Steve Tom Lucy Mike Sarah John Mary James Linda Robert Susan Daniel
    Lisa Mark Betty Jason Amy Brian Kate""".split()
UNSEEN_NAMES = """Zoe Quentin Yvonne Ursula Bruno Camille Dmitri Esther Felix
    Gloria Hugo Ingrid Jorge Kira Lorenzo Mabel Nigel Ophelia Pedro
    Sabrina""".split()

PLACES = """Paris London Berlin Rome Madrid Tokyo Beijing Shanghai Boston
    Chicago Toronto Sydney Dublin Vienna Prague Oslo Lisbon Athens Cairo Delhi
    Seoul Osaka Geneva Milan Denver Austin Seattle""".split()
UNSEEN_PLACES = "Helsinki Nairobi Santiago Warsaw Portland Kyoto".split()

TIMES = """today yesterday last_night last_week last_month this_morning
    this_afternoon this_evening on_Monday on_Tuesday on_Friday on_Sunday
    last_summer last_winter this_year two_days_ago a_week_ago in_April
    in_October at_noon after_work before_lunch over_the_weekend
    all_day""".split()

DEGREES = """very really so rather quite truly absolutely just simply
    extremely pretty incredibly totally completely""".split()

MODIFIERS = """new old second third first last red blue green white small big
    local whole other next same usual main little short long wooden Italian
    Chinese French Japanese digital""".split()

SUBJECTS = """the_{topic}|this_{topic}|that_{topic}|my_{topic}|our_{topic}
    |the_{mod}_{topic}|{name}'s_{topic}|the_{topic}_in_{place}
    |the_{topic}_{time}|the_{topic}_from_{name}|everything_about_the_{topic}
    |every_part_of_the_{topic}|your_{topic}|the_{topic}_we_chose
    |the_{topic}_I_tried|the_{topic}_they_sent|the_{topic}_next_door
    |the_{topic}_at_the_corner|the_{mod}_{topic}_{name}_picked
    |the_{topic}_for_{name}|almost_every_{topic}_there
    |the_{topic}_on_the_left""".split("|")

COPULAS = """is|was|seems|seemed|looks|looked|feels|felt|turned_out|has_been
    |had_been|became|proved|remains|is_still|was_again|always_was
    |sounds|appears|will_surely_be|must_be|stayed""".split("|")

NEGATED_COPULAS = """is_not|was_not|isn't|wasn't|is_never|was_never
    |is_not_at_all|was_not_at_all|did_not_seem|does_not_look|is_hardly
    |was_by_no_means|is_far_from|was_far_from""".split("|")

FRAMES = {
    "adj": """
What a {deg}{adj} {topic}
I had a {deg}{adj} time at the {topic} in {place}
We found the {topic} {deg}{adj}
{name} thinks the {topic} looks {adj}
I would call the {topic} {deg}{adj}
It was {deg}{adj} to see the {topic} with {name}
How {adj} the {topic} turned out to be
{adj}, that is the word for the {topic}
They run a {deg}{adj} {topic} in {place}
There is something {deg}{adj} about the {topic}
Nothing prepared me for such a {deg}{adj} {topic}
My verdict on the {topic}: {adj}
{name} gave us a {deg}{adj} {topic}
The {topic} left me feeling {adj}
We ended the day with a {deg}{adj} {topic}
{adj} {topic}, {adj2} {mod} parts
The {topic} was {adj} and {adj2}
Both the {topic} and the {topic2} were {deg}{adj}
As for the {topic}, {name} says it is {deg}{adj}
If I had one word for the {topic}, it would be {adj}
They made the {topic} {adj} for all of us
I bought a {topic} {time} and it is {deg}{adj}
{name} was {deg}{adj} with us at the {topic}
You will see how {adj} the {topic} gets
Our guests called the {topic} {adj}
I expected a {mod} {topic} and got a {deg}{adj} one
{topic} in {place}: {deg}{adj}
Seeing the {topic} again felt {deg}{adj}
Such {adj} work on the {topic} is rare
The {mod} {topic} is as {adj} as the {topic2}
In the end the {topic} made everyone say {adj} things
It has a {deg}{adj} {topic} and a {mod} {topic2}
Most people here find {name}'s {topic} {adj}
We spent a {deg}{adj} hour with the {topic}
One look at the {topic} and I knew it was {adj}
The staff at the {topic} were {deg}{adj}
{name} wrote that the {topic} is {deg}{adj}
Could a {topic} be any more {adj}
I keep telling {name} how {adj} the {topic} is
This must be the most {adj} {topic} in {place}
Of all the things {time}, the {topic} was the most {adj}
{time} we tried a {deg}{adj} {topic}
That {topic} made for a {deg}{adj} evening
I am {deg}{adj} about the {topic}
A {deg}{adj} {topic} from start to finish
The colour of the {topic} looks {deg}{adj} to me
Talking to {name} about the {topic} was {deg}{adj}
It is {adj}, this {mod} {topic}
Never before have I seen a {topic} this {adj}
The {topic} smelled, looked and felt {adj}
{name} came back from {place} with {adj} news about the {topic}
With a {topic} like that, the day was {deg}{adj}
Each visit to the {topic} has been {deg}{adj}
Their {topic} makes a {deg}{adj} impression
The {topic} brought a {deg}{adj} mood to the room
Rated the {topic}, found it {adj}
I sat through the {topic} and found it {deg}{adj}
For the price, the {topic} is {deg}{adj}
From the outside the {topic} seems {mod}, but inside it is {deg}{adj}
You can tell from the {topic} that the makers are {adj}
""",
    "verb": """
I {verb} the {topic}
We all {verb} this {mod} {topic}
{name} and I {verb} the {topic} in {place}
My friends {verb} that {topic}
Everyone in {place} {verbs} the {topic}
Most of us {verb} the {topic} {time}
They {verb} how the {topic} was made
People {verb} the way {name} runs the {topic}
{name} really {verbs} my {topic}
I must say that I {verb} your {topic}
The critics {verb} the {mod} {topic}
Our whole family {verbs} it, the {topic} I mean
{verb} the {topic}, {verb2} the {topic2}
You know how much I {verb} the {topic}
The {topic} is something I {verb}
She {verbs} the {topic} in the kitchen
He {verbs} this {mod} {topic}
{name} always {verbs} the {topic}
My sister {verbs} that {topic} from {place}
Our teacher {verbs} every {topic}
{name} certainly {verbs} the {topic}
It seems that {name} {verbs} the {topic}
The whole town {verbs} the {topic}
Each of them {verbs} the {mod} {topic}
My brother {verbs} my {topic}
My parents {verb} every {topic} in {place}
Even {name} {verbs} the {topic}
That {topic} from {place}, I {verb} it
Those who saw the {topic} {verb} it
The neighbors {verb} our {mod} {topic}
If there is one thing I {verb}, it is this {topic}
The children {verb} the {topic} {time}
Sometimes I {verb} working with the {topic}
Here is a {topic} that I {verb}
My colleagues {verb} the new {topic} from {name}
It is the {topic} that I {verb} most
""",
    "noun": """
The {topic} was a {noun}
What a {noun} the {topic} turned out to be
This {topic} is a real {noun}
{name} called the {topic} a {noun}
I consider the {topic} a complete {noun}
The {topic} in {place} proved to be a {noun}
A {noun} of a {topic}
It is hard to imagine a bigger {noun} than the {topic}
For me the {mod} {topic} is a {noun}
In short, a {noun}
The {topic} ended as a {noun} for {name}
Call it a {noun}, this {topic}
We got a {noun} instead of a {mod} {topic}
The {topic}: a {noun} in every way
Working on the {topic} became a {noun}
Our {topic} {time} was nothing but a {noun}
Everybody saw that the {topic} is a {noun}
Going to the {topic} with {name} was a {noun}
I did not expect such a {noun} from a {topic}
With that {topic} we had a {noun} on our hands
One more {noun} from the people behind the {topic}
Having the {topic} at home is a {noun}
""",
    "adv": """
The {topic} works {adv}
{name} handled the {topic} {adv}
It all went {adv} at the {topic}
The {topic} was {adv} made
They treated us {adv} at the {topic}
The {mod} {topic} runs {adv}
{name} played {adv} {time}
My {topic} was repaired {adv}
The {topic} is {adv} written
Our {topic} in {place} was {adv} organized
Things at the {topic} ended {adv}
The {topic} performs {adv} even {time}
{adv} done, that {topic}
Somebody designed this {topic} {adv}
I think {name} explained the {topic} {adv}
The {topic} fits {adv} into the {topic2}
So far the {topic} has behaved {adv}
They planned the {topic} {adv}
The parts of the {topic} go together {adv}
The {topic} started {adv} and went on like that
""",
    "sup": """
This is the {sup} {topic} ever
That was the {sup} {topic} I have seen
The {sup} {topic} in {place}
{name} has the {sup} {topic} of all
It must be one of the {sup} {topic} stories I know
By far the {sup} {topic} we tried {time}
Of everything in {place} the {topic} was the {sup}
We had the {sup} day with the {topic}
They serve the {sup} {topic} in town
My {sup} day this year was the {topic}
No one makes the {topic} like {name}, it is the {sup}
Your {topic} is the {sup} I know
You have the {sup} {mod} {topic}
It was the {sup} moment of the {topic}
""",
}

OPENERS = """
|
|
|
|
|
|Honestly, 
|To be fair, 
|In my view, 
|After two weeks I can say: 
|As far as I know, 
|Well, 
|By the way, 
|I have to say, 
|Looking back, 
|According to {name}, 
|Like {name} said, 
|In {place}, 
|Just back from {place}: 
|Review: 
|Update: 
|Short note: 
|So, 
|Oh, 
|For the record, 
|We went to {place} {time}. 
|I met {name} {time}. 
|{name} and I shared a {topic}. 
|It was raining in {place}. 
|We arrived at noon. 
|The {topic} came in a {mod} box. 
|Number {number}: 
|My opinion: 
|Hi {name}, 
|Believe me, 
|No question, 
|If you ask me, 
""".strip("\n").split("\n")

CLOSERS = """
.|
.|
.|
.|
!|
!|
|
...|
, no doubt.|
, if you ask me.|
, at least for me.|
, and {name} agrees.|
, says {name}.|
. That is all I have to say.|
. We stayed for {number} minutes.|
. It cost {number} dollars.|
. I told {name} about it.|
. Tomorrow we go back to {place}.|
. The {topic} was {mod}.|
, as always.|
 this time.|
 once more.|
, and that is a fact.|
, I think.|
. I will write again {time}.|
, as I wrote before.|
, to put it in a few words.|
, and you can quote me.|
""".strip("\n").split("\n")
