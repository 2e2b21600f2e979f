"""Shapes of a request, looked for in the lower-cased text."""

import polars as pl

# One bit each, in this order: append only. Spans are ASCII and short: they keep the automata small.
_SPAN = r"[ -~]{0,40}"
# another vendor's models and assistants
_NAMES = (
    r"qwen|tongyi|通义|deepseek|深度求索|kimi|moonshot|月之暗面|minimax|海螺|chatglm|glm-?[0-9]|zhipu|智谱|doubao|豆包|"
    r"ernie|文心|hunyuan|混元|baichuan|百川|internlm|stepfun|chatgpt|gpt-?[345]|openai|claude|anthropic|gemini|llama|"
    r"mistral|grok|copilot"
)
# a name alone is talk about a product: only one that is given to the model, or claimed by it, counts
_GIVEN = (
    r"(?:you are|you're|your name is|called|named|i am|i'm|act as|(?:trained|made|developed|created|built) by) "
    r"(?:an? |the |now )?(?:ai |large )?(?:language )?(?:model |assistant )?(?:called |named |by |from )?"
)
_TRACES = r"(?:traces?|chains?[- ]of[- ]thought|reasoning|thought process|scratchpad|trajector)"
_LANGUAGE_NAMES = "english|chinese|mandarin|japanese|korean|french|german|spanish|russian|arabic|hindi|portuguese"
FLAGS: dict[str, str] = {
    "stepwise": r"step[- ]by[- ]step|chain of thought|think (?:aloud|it through|carefully)|let'?s think|"
    r"(?:show|write out|include) (?:all )?(?:your|the) (?:full )?(?:work|reasoning|steps|thinking)|"
    r"reasoning (?:trace|process|steps)|逐步|一步一步|一步步|分步|思考过程|推理过程|思维链",
    "explain": rf"(?:explain|justify|articulate|reconstruct|derive|lay out){_SPAN}(?:reasoning|rationale|"
    r"thought process|how you (?:got|arriv|reach)|led to|leads to)|(?:given|correct|final|reference) answer|"
    r"解释[^\n]{0,9}答案|(?:正确|参考|标准)答案",
    "rubric": r"rubric|scoring|score (?:of|from|between|using|the|for)|score:|assign a score|rate the|rating|"
    r"point scale|on a scale|grade (?:the|this|each)|which (?:response|answer|assistant) is better|"
    r"评分|打分|评判|评估标准",
    "generate": r"(?:generate|create|write|produce|develop|come up with|invent|propose|draft) (?:[^ ]+ ){0,4}"
    r"(?:questions?|tasks?|instructions?|examples?|prompts?|quer(?:y|ies)|pairs?|problems?|samples?|dialogues?)|"
    r"(?:生成|编写|设计|提出)[^\n]{0,9}(?:问题|指令|任务|样本|题目|对话)",
    "rewrite": r"re-?(?:write|phrase|word|formulate)|paraphras|(?:clean|polish|shorten|condense|tidy) (?:up )?"
    r"(?:the|this)|without (?:changing|altering) (?:the|its) meaning|改写|润色|重写|换一种说法",
    "schema": r"json|xml|yaml|csv|output format|following format|exactly this format|"
    r"only (?:return|output|respond|reply)|(?:return|output|respond with|reply with|answer with) only|格式",
    "code": r"```|def [a-z_]+\(|import [a-z_]+\n|function|#include|stack ?trace|traceback|unit tests?|refactor|"
    r"repository|pull request|代码|函数",
    "persona": r"you are (?:a|an|the) |act as (?:a|an) |pretend (?:to be|you)|ignore (?:all|any|previous)|"
    r"no restrictions|jailbreak|你是一|扮演",
    "jailbreak": r"(?:ignore|disregard|forget|bypass|override) (?:all |any |the |your |my ){0,3}"
    r"(?:previous|prior|above|earlier|safety|content|system|ethical)|do anything now|"
    r"no (?:restrictions|limits|filters|rules)|without (?:any )?(?:restrictions|censorship|limitations)|unfiltered|"
    r"uncensored|jailbr[eo]|developer mode|dan mode|stay in character|never (?:refuse|say no)|"
    r"(?:can ?not|can'?t|must not) refuse|hypothetical response|not bound by|越狱|没有(?:任何)?限制|"
    r"(?:无视|忽略|忘记)[^\n]{0,9}(?:指令|规则|限制)|不受[^\n]{0,6}(?:限制|约束)",
    "vendor": rf"{_GIVEN}(?:{_NAMES})|(?:你是|你叫|我是|我叫|名叫|名字是|由)[^\n]{{0,6}}(?:{_NAMES})",
    "clean_trace": r"(?:clean|repair|fix|tidy|polish|condense|compress|shorten|filter|correct|restructure|rewrite|"
    rf"reformat|edit|reconstruct){_SPAN}{_TRACES}|{_TRACES}{_SPAN}(?:remove|delete|clean|drop)|"
    r"(?:整理|清洗|清理|修复|精简|改写|润色)[^\n]{0,12}(?:推理|思维链|思考|轨迹)|"
    r"(?:推理|思维链|思考)[^\n]{0,9}(?:整理|清洗|清理|精简)",
    # what the model turns down and why: asked about, not asked for
    "refusal": r"(?:you|model|assistant|chatbot|ai) (?:[a-z']+ ){0,2}(?:refus|declin)|(?:content|safety|usage) polic|"
    r"(?:refuse|decline) to (?:answer|respond|help|comply)|your (?:guidelines|polic(?:y|ies)|restrictions|limits)|"
    r"(?:are you|you are|you're) (?:not )?(?:allowed|permitted|comfortable|willing) (?:to|with)|"
    r"(?:你|模型|助手)[^\n]{0,6}拒绝|拒绝(?:回答|回复)|(?:安全|内容|使用)(?:政策|准则|规范)",
    "forced_language": rf"(?:think|reason|thoughts?|reasoning|chain of thought){_SPAN} in (?:{_LANGUAGE_NAMES})"
    r"(?:[^a-z ]| only|$)|"
    r"用(?:中文|汉语|英文|英语|日语|法语|德语)[^\n]{0,6}(?:思考|推理|分析)|(?:思考|推理)[^\n]{0,9}用(?:中文|汉语|英文|英语)",
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
