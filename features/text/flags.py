"""Shapes of a request, looked for in the lower-cased text."""

import polars as pl

# One bit each, in this order: append only. Spans are ASCII and short: they keep the automata small.
_SPAN = r"[ -~]{0,40}"
_NAMES = (
    r"qwen|tongyi|通义|deepseek|深度求索|kimi|moonshot|月之暗面|minimax|海螺|chatglm|glm-?[0-9]|zhipu|智谱|doubao|豆包|ernie|文心|"
    r"hunyuan|混元|baichuan|百川|internlm|yi-[0-9]|stepfun|chatgpt|gpt-?[345]|openai|claude|anthropic|gemini|bard|llama|mistral|grok|copilot"
)
# a name alone is talk about a product: only one that is given to the model, or claimed by it, counts
_VENDOR = (
    rf"(?:you are|you're|your name is|called|named|i am|i'm|act as|identify as|trained by|made by|developed by|created by|"
    rf"built by|assistant of) (?:an? |the |now |not )?(?:ai |large )?(?:language )?(?:model |assistant )?(?:called |named |by |from )?"
    rf"(?:{_NAMES})|(?:你是|你叫|我是|我叫|名叫|名字是|由)[^\n]{{0,6}}(?:{_NAMES})"
)
FLAGS: dict[str, str] = {
    "stepwise": r"step[- ]by[- ]step|chain of thought|think (?:aloud|it through|carefully)|let'?s think|"
    r"(?:show|write out|include) (?:all )?(?:your|the) (?:full )?(?:work|reasoning|steps|thinking)|"
    r"reasoning (?:trace|process|steps)|逐步|一步一步|思考过程|推理过程",
    "explain": rf"(?:explain|justify|articulate|reconstruct|derive|lay out){_SPAN}(?:reasoning|rationale|thought process|"
    r"how you (?:got|arriv|reach)|led to|leads to)|(?:given|correct|final|reference) answer|解释[^\n]{0,9}答案",
    "rubric": r"rubric|scoring|score (?:of|from|between|using|the|for)|score:|assign a score|rate the|rating|point scale|"
    r"on a scale|grade (?:the|this|each)|which (?:response|answer|assistant) is better|评分|打分",
    "generate": r"(?:generate|create|write|produce|develop|come up with|invent|propose|draft) (?:[^ ]+ ){0,4}"
    r"(?:questions?|tasks?|instructions?|examples?|prompts?|quer(?:y|ies)|pairs?|problems?|samples?|dialogues?)|"
    r"生成[^\n]{0,9}(?:问题|指令|任务|样本)",
    "rewrite": r"re-?(?:write|phrase|word|formulate)|paraphras|(?:clean|polish|shorten|condense|tidy) (?:up )?(?:the|this)|"
    r"without (?:changing|altering) (?:the|its) meaning|改写|润色",
    "schema": r"json|xml|yaml|csv|output format|following format|exactly this format|only (?:return|output|respond|reply)|"
    r"(?:return|output|respond with|reply with|answer with) only|格式",
    "code": r"```|def [a-z_]+\(|import [a-z_]+\n|function|#include|stack ?trace|traceback|unit tests?|refactor|repository|"
    r"pull request|代码|函数",
    "persona": r"you are (?:a|an|the) |act as (?:a|an) |pretend (?:to be|you)|ignore (?:all|any|previous)|no restrictions|"
    r"jailbreak|你是一",
    "jailbreak": r"(?:ignore|disregard|forget|bypass|override) (?:all |any |the |your |my )*(?:previous|prior|above|earlier|"
    r"safety|content|system|ethical)|do anything now|no (?:restrictions|limits|filters|rules)|without (?:any )?(?:restrictions|"
    r"censorship|limitations)|unfiltered|uncensored|jailbr[eo]|developer mode|dan mode|stay in character|"
    r"never (?:refuse|say no)|(?:can ?not|can'?t|must not) refuse|hypothetical response|not bound by|越狱|无视[^\n]{0,9}(?:指令|规则|限制)|"
    r"忽略[^\n]{0,9}(?:指令|规则|限制)|没有(?:任何)?限制|不受[^\n]{0,6}(?:限制|约束)",
    "vendor": _VENDOR,
    "clean_trace": r"(?:clean|repair|fix|tidy|polish|condense|compress|shorten|filter|correct|restructure|rewrite|normali[sz]e|"
    rf"reformat|edit|reconstruct){_SPAN}(?:traces?|chains?[- ]of[- ]thought|reasoning|thought process|scratchpad|trajector|rollout)|"
    rf"(?:traces?|reasoning|chain of thought|trajectory){_SPAN}(?:remove|delete|clean|drop)|"
    r"(?:整理|清洗|清理|修复|精简|改写|润色)[^\n]{0,12}(?:推理|思维链|思考|轨迹)|(?:推理|思维链|思考)[^\n]{0,9}(?:整理|清洗|清理|精简)",
}
_PATTERNS = {name: f"(?s){pattern}" for name, pattern in FLAGS.items()}


def flag_bits(text: pl.Expr) -> pl.Expr:
    """One bit for each entry of `FLAGS` that the text matches, Int32, null for null text."""
    lowered = text.str.to_lowercase()
    bits = [lowered.str.contains(pattern).cast(pl.Int32) * (1 << bit) for bit, pattern in enumerate(_PATTERNS.values())]
    return pl.sum_horizontal(bits, ignore_nulls=False)


def claims_vendor(text: pl.Expr) -> pl.Expr:
    """The bit of `vendor` where a system prompt gives the model a vendor's name, else 0; null for null text."""
    return text.str.to_lowercase().str.contains(_PATTERNS["vendor"]).cast(pl.Int32) * (1 << list(FLAGS).index("vendor"))
