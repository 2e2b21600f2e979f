"""Common words: which language they mark, what they ask for, which frame they make. This project's own choice."""

# Codes of languages are positions plus one; 0 is a text of no known language. Append only.
LANGUAGES = ("en", "zh", "es", "fr", "de", "pt", "it", "nl", "pl", "vi", "ru", "ja", "ko", "ar", "hi", "other")
# Codes of capabilities likewise; 0 is a text that asks for none of these.
CAPABILITIES = (
    "coding",
    "agentic",
    "math",
    "reasoning",
    "grading",
    "rewriting",
    "generation",
    "translation",
    "summary",
    "extraction",
    "classification",
    "reading",
    "creative",
    "advice",
    "facts",
)

# Words that mark a language; those of several languages are left out.
STOP_WORDS = {
    "en": "the of and to that is are was were what how why when where who which this these those with for from "
    "have has had do does did can could should would will you your my it its they their there be been an "
    "if not but about into than then please give make explain write",
    "es": "el los las una del que por con para como más pero sus este esta entre cuando muy sin sobre también "
    "hay donde quien desde todo nos uno qué cómo cuál está son tiene puede hacer escribe explica",
    "fr": "le les des une du est et dans qui pour pas sur au avec ce il sont plus cette mais vous nous être "
    "fait comme ou où leur écris explique je ne quel quelle comment pourquoi",
    "de": "der die das und ist nicht ein eine einen dem den zu von mit sich auf für auch als wie im werden aus "
    "bei nach oder wird sind ich wir sie über wenn schreibe erkläre",
    "pt": "os uma não em dos das ao mais mas foi ele ela seu sua também já pelo pela isso você são como está "
    "muito fazer escreva explique",
    "it": "il gli della di che è un per non sono della nel più anche come questo questa alla dei delle scrivi "
    "spiega perché cosa quale",
    "nl": "het een van en niet voor zijn met aan ook naar dat wordt deze heeft maar hoe wat waarom schrijf leg uit",
    "pl": "nie się jest na do że jak dla przez oraz ale czy co jego tym napisz wyjaśnij",
    "vi": "của và là không có được cho một những người này với trong các để khi đã như hãy viết giải thích",
}

# What is asked for, by words that seldom ask for anything else; a figure after the colon is a weight other than 2.
ASKS = {
    "coding": "python java javascript typescript code function class bug compile sql html css api algorithm array "
    "regex debug implement script compiler rust golang repository refactor unittest exception traceback "
    "stack:1 method:1 variable:1 library:1 代 码:3 函 def import return:1 int:1 string:1 json:1 "
    "program:1 c:1",
    "agentic": "tool:3 tools:3 toolformer:4 browser terminal shell agent invoke parameters observation thought:1 "
    "action:1 access:1 call:1 calls:1 search:1 command:1 endpoint enabled:1 query:1 availability:1 "
    "workspace execute",
    "math": "how:0.5 many:1.5 much:1 total:1.5 cost:1 costs:1 each:1 twice half:1 percent equation solve sum:1 "
    "calculate integer prime fraction algebra geometry probability theorem triangle per:1 more:0.5 "
    "left:1 times:1 miles:1 dollars hours:1 average:1 product:0.5 equal:1 proof prove 证 明:1 数:1 计:1 "
    "算",
    "reasoning": "reasoning:3 reason:2 step:2 steps:1.5 rationale:3 derive justify think:1 thinking logic:2 logical "
    "deduce infer puzzle premise hypothesis conclusion entail follows:1 推 理 逐 步",
    "grading": "rubric:4 score:3 scores:3 rate:2 rating grade:3 evaluate:3 evaluation:2 evaluator:4 judge:3 "
    "feedback:2 criteria:2 quality:1 better:1 response:1.5 responses:1.5 assistant:1 评:2 分:1 打:1",
    "rewriting": "rewrite:4 rephrase:4 paraphrase:4 reword:4 polish:3 improve:1 shorten:3 edit:2 tone:2 grammar:2 "
    "proofread:4 concise:1 formal:1 clean:1 改:2 写:1 润 色:1",
    "generation": "generate:3 create:1.5 diverse:3 instructions:2 tasks:2 examples:1.5 prompts:2 queries:2 dataset:3 "
    "synthetic:3 samples:2 questions:1 new:1 instruction:1.5 seed:1 variations:3 come:0.5 生:2 成:1 样:1 "
    "本:0.5 指:1 令:1",
    "translation": "translate:5 translation:4 french:1.5 spanish:1.5 german:1.5 chinese:1.5 japanese:1.5 english:1.5 "
    "language:0.5 翻:3 译:3",
    "summary": "summarize:5 summarise:5 summary:4 tldr:4 title:1.5 headline:2.5 abstract:1 main:1 points:1 "
    "outline:1.5 brief:1 gist:3 摘:2 要:0.5 总:1 结:1",
    "extraction": "extract:5 entities:3 entity:2 fields:2 list:0.5 find:1 identify:1.5 keywords:3 names:1 "
    "mentioned:1.5 span:1 phrase:1 提:1 取:2",
    "classification": "classify:5 category:3 categories:3 label:2.5 sentiment:4 positive:1.5 negative:1.5 topic:1.5 "
    "spam:3 intent:2 review:1.5 recommend:0.5 choose:1.5 option:1 options:1.5 true:1 false:1.5 类:2 情:1 感:1",
    "reading": "passage:3 context:2.5 paragraph:2.5 article:2 following:1 answer:1 question:1.5 text:1 based:1 "
    "according:1 plot:2 document:2 given:1 above:1 below:1 sentence:1.5 根:1 据:1 文:1",
    "creative": "story:3 poem:4 song:3 lyrics:3 haiku:4 fiction:3 character:1.5 novel:2.5 joke:3 dialogue:2 scene:2 "
    "essay:2 screenplay:4 rap:3 limerick:4 故:2 事:0.5 诗:3",
    "advice": "should:1.5 help:1 my:1 i:0.5 me:0.5 advice:3 want:1 need:1 recommend:1.5 tips:2 best:1 feel:1.5 "
    "plan:1 card:1 account:1 money:1 transfer:1 am:0.5 im:0.5 我:0.5 怎:1 建:1 议:1",
    "facts": "who:1.5 what:1 when:1 where:1 why:1 is:0.25 was:0.5 are:0.25 does:0.5 which:0.5 capital:1 history:1 "
    "define:2 meaning:1.5 difference:1.5 explain:1 谁:1 什:1 么:0.5 哪:1",
}

# Words of the frame around a payload. Those of one line stand for each other, so that a paraphrase keeps the frame.
FRAME = (
    "question questions query queries",
    "answer answers answered response responses reply respond",
    "passage paragraph article text document context excerpt content",
    "sentence sentences",
    "story plot",
    "example examples sample samples",
    "input",
    "output outputs",
    "task tasks",
    "instruction instructions guideline guidelines",
    "problem problems puzzle exercise",
    "solution solve solving",
    "title headline subject",
    "topic topics theme",
    "summary summarize summarise summarizing condense gist tldr abstract",
    "translate translation",
    "write compose draft",
    "generate create produce develop invent craft",
    "rewrite rephrase paraphrase reword reformulate polish",
    "explain explanation describe",
    "step steps",
    "reasoning reason rationale think thinking thought logic",
    "correct incorrect right wrong accurate",
    "final conclusion",
    "score scores rating grade rate scale",
    "rubric criteria criterion",
    "evaluate evaluation assess judge feedback evaluator",
    "choose select pick option options choices",
    "classify category categories label labels",
    "sentiment positive negative",
    "review reviews",
    "extract identify find list",
    "entities entity keywords",
    "format json xml yaml csv",
    "code function program script implement",
    "python java javascript sql html",
    "tool tools agent browser toolformer",
    "user assistant chatbot model",
    "prompt prompts",
    "given provided following below above",
    "based according using",
    "complete continue fill",
    "return",
    "equivalent duplicate same different",
    "hypothesis premise claim statement",
    "dialogue conversation chat",
    "dataset data",
    "diverse varied",
    "new novel original",
    "word words",
    "问 题",
    "答",
    "文 本 段",
    "例 样",
    "写 编",
    "生 成",
    "改 润",
    "译",
    "总 摘",
    "评 分",
    "解 释",
    "推 理",
    "步",
    "代 码",
    "要 求",
    "根 据",
)
