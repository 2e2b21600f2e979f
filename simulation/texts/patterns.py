"""Sentence patterns of the grammar, by kind of text. A slot is a word list, another kind, prose, or {name}.

{name} is spelt from the text's owner, so a pattern that holds it cannot give two owners the same text. Every kind that
is sent on its own holds it in every pattern. {paragraph} and {page} are prose of a few sentences and of a page.
"""

# ruff: noqa: E501 (lines of text are data)

from collections.abc import Mapping

from simulation.texts.talk import CHAT, SUPPORT

PATTERNS: Mapping[str, tuple[str, ...]] = {
    "chat": CHAT,
    "support": SUPPORT,
    "code": (
        "In {language}, {ask} {verb} a {thing} called {name}? Right now {trouble}.",
        "Why does my {thing} in {language} fail? {trouble}. The module is {name}. {closing}",
        "```{language}\ndef {verb}_{n}(x):\n    # {name}\n    return x.{verb}({n})\n```\n{trouble}, what is wrong? {closing}",
        "Refactor the {thing} in {path}/{name} so that we can {verb} it. {closing}",
        "Write a {language} function that can {verb} a {thing} of {n} items for the {name} project. {closing}",
        "{language} vs {language} for a {thing} at {name}? {closing}",
        "Error in {path}.{verb} (line {n}) of {name}: {trouble}",
        "Write unit tests for the {thing} of {name} in {language}. {closing}",
        "Convert this from {language} to {language}: {verb}({name}, {n}) then {verb} the {thing}",
        "{ask} {verb} a {thing} when {trouble}? This is for {name}.",
        "Log of {name}, {trouble}:\n{log}\n{log}\n{log}\n{closing}",
        "{log}\n{log}\nThe job {name} in {language} stops here. {closing}",
    ),
    "log": (
        "{n}.{n} {path}.{verb}: {thing} {n} of {n}\n{n}.{n} {path}.{verb}: {trouble}",
        "{path}:{n} WARN {trouble}\n{path}:{n} INFO {verb} {thing} {n}\n{path}:{n} INFO {verb} {thing} {n}",
        "  at {path}.{verb}({n})\n  at {path}.{verb}({n})\n  at {path}.{verb}({n})\n  at {path}.{verb}({n})",
    ),
    "agent": (
        "Output of {name}:\n{log}\n{log}\n{log}\n{log}\n{log}\n{log}",
        "{path}/{name}\n{log}\n{log}\n{log}",
        "Fix {path}/{name}: {trouble} when we {verb} the {thing}.",
        "Tool result: {path}/{name} line {n}: {trouble}\n{path} line {n}: {verb} ok",
        "Exit code {n}\n{n} passed, {n} failed in {name}\nFAILED {path}::{verb} {trouble}",
        "{path}/{name}\n   {n}  def {verb}(self, {thing}):\n   {n}      return self.{verb}({n})\n",
        "Found {n} matches of {verb} in {name}\n{path}: {n}\n{path}: {n}\n{path}: {n}",
        "Now {verb} the {thing} of {name} too and add a test. {closing}",
        "The file {path}/{name} has been updated at line {n}.",
        "continue with {name}, but {verb} the {thing} first",
        "{n}\t{verb} {thing}\n{n}\t{verb} {thing}\n# {name}\n",
    ),
    "homework": (
        "{my_field} assignment {my_n}: {name} has {n} {quantity} and gives away {n}. How many {quantity} are left? {closing}",
        "For the {my_field} course, exercise {my_n}, I chose {name}. Is this right: {fact}",
        "{my_field}, question {n}: explain {my_subject} to {name}. {closing}",
        "Help with {my_field}: why does {name} differ from {my_subject}? {closing}",
        "Check my answer on {my_subject}: {fact} {named}",
    ),
    "assignment": (
        "Assignment {my_n} in {my_field}, set by {name}. Explain {my_subject} in your own words and give {my_n} examples. Submit {my_when}.",
        "{my_field} sheet {my_n} ({name}): answer all parts on {my_subject}. Show your working step by step.",
        "Course of {name}, task {my_n}: discuss why {my_issue}, with reference to {my_subject}.",
    ),
    "audit": (
        "{my_rule} For the record, write down the reasons for the decision step by step before you give it.\nCase {name}: {fact} {fact}\nDecision for {my_trade}:",
        "Decide and document. Explain each step so that an auditor can follow. Case of {name}: {issue}; {fact} {my_rule}",
        "{fact} {named} Should {my_trade} accept? Reason first, in numbered steps, then the decision. {my_rule}",
    ),
    "backfill": (
        "{my_task} the passage for the index of {my_trade}. {my_rule}\n\n{document} {document}\n\n{my_format}:",
        "Write three questions that this passage answers. {my_rule}\n\n{document} {document}",
        "Passage:\n{document} {document}\n\n{my_task} it in {my_n} words. {my_rule}",
    ),
    "elicit": (
        "{seed}\n\n{my_rule} Think step by step, then answer for {my_trade}.",
        "{my_trade} assistant, training case: {seed} Give the reasoning, then the answer as {my_format}. {my_rule}",
        "Question from a user of {name}: {issue}, what now? Write the ideal reply of our assistant, with the reasons. {my_rule}",
    ),
    "office": (
        "Draft a {tone} reply to {name} about {subject}: {fact} {closing}",
        "Summarise the minutes: {named} {fact} {fact} {fact}",
        "Make {n} slides on {subject} for {name}. {closing}",
        "Turn these notes into a {tone} report for {name}: {fact} {fact}",
        "Which clause covers it when {name} {event}? {fact}",
        "Rewrite for {person}: {named} {fact}",
    ),
    "fact": (
        "The {trade} {event} {when} {because}.",
        "{when}, a {trade} in {place} {event}.",
        "The {product} was {quality} and the service {quality}.",
        "Nobody in {place} expected that the {trade} {event}.",
        "It took {n} days and {n} people {because}.",
        "Experts on {subject} call it {quality}.",
        "Of {n} {quantity}, {n} were {quality} {when}.",
        "Then {person} said that {issue}.",
        "The {trade} from {place} sells a {quality} {product} for {n} euros.",
    ),
    "named": (
        "{name} {event} {when} {because}.",
        "The {trade} {name} {event} {when}.",
        "{name} wrote that the {product} is {quality}.",
        "At {name} in {place}, {issue}.",
        "{name} had {n} {quantity} {when}.",
    ),
    "document": (
        "{named} {fact} {fact}",
        "{fact} {named} {fact} {fact} {fact}",
        "{named} {fact} {fact} {fact} {fact} {fact} {fact}",
        "{fact} {fact} {named}",
        "{named}",
        "{fact} {fact} {fact} {named} {fact} {fact} {fact} {fact} {fact}",
    ),
    "frame": (
        "# {name}\n{my_rule} {my_task} what follows as {my_labels}. Answer with {my_format}.\n",
        "You are a step of {name}. {my_rule} Read the {my_sort} below, {my_task} it, and give {my_format}.\n",
        "{name} {my_n}.{my_n}: {my_task} the input for {my_trade}. {my_rule} Give {my_labels}, nothing else.\n",
        "### Input of {name}\nTask: {my_task} as {my_format}. {my_rule}\n### Begin\n",
    ),
    "batch": (
        "{my_task} the {my_sort} below as {my_labels}. {my_rule} Answer with {my_format}.\n\n{document}",
        "{my_task} this {my_sort}. {my_rule} Output {my_format}.\n---\n{named} {page}",
        "{document}\n\n{my_task} the above {my_sort} ({my_labels}) as {my_format}. {my_rule}",
        "You see a {my_sort}. {my_task} it: {my_labels}. {my_rule}\n{my_sort}: {document} {paragraph}\n{my_format}:",
        "{my_rule} {my_task} the text below:\n\n{named} {page}",
        "{my_task} this as one of {my_labels}: {named}",
        "{named} {my_labels}?",
        "{my_sort}: {named} {fact} {my_format}:",
        "{my_task} the {my_sort}. {my_rule}\n{named} {paragraph} {paragraph}",
    ),
    "rag": (
        "Answer from the context only. {my_rule}\nContext:\n[1] {fact} {fact} {fact}\n[2] {named} {fact} {fact}\n[3] {fact} {fact}\n\nQuestion: {ask} {do}?",
        "{my_rule} Use the passages.\n\n{named} {fact} {fact} {fact} {fact}\n\nUser: what about {subject} at {name}?",
        "Passages: {fact} {named} {fact} {fact}\nAsked: why is it that {issue}? {my_rule}",
    ),
    "exam": (
        "{my_field} test, item {n}: which is true of {name}? (A) {fact} (B) {fact} (C) {fact} Answer with a letter.",
        "{named} {fact} Question: how many {quantity}? Answer with a number.",
        "True or false ({my_field}): {named}",
        "Item {n}. If {name} has {n} {quantity} and loses {n}, what remains? Only the number.",
    ),
    "judge": (
        "You are a fair grader of replies. Below are an instruction, a reply, a reference answer that gets the best grade, and a rubric.\n1. Write feedback on the reply, strictly by the rubric, not in general.\n2. Then give a grade on the scale {my_scale}.\n3. {my_rule} No other opening, closing or explanation.\n\n### Instruction\n{seed}\n{page}\n\n### Reply of {my_trade}\n{answer} {page}\n\n### Reference\n{answer} {page}\n\n{rubric}\n\n### Feedback",
        "### Task\nAssess the quality of a reply to a user of {my_trade}. {my_rule} Scale: {my_scale}.\n\n{rubric}\n\n[User]\n{seed}\n{page} {page}\n\n[Reply]\n{answer} {page}\n\n[Assessment]",
        "Please act as an impartial judge of two replies. Say first what each does well and badly, then which is better, by the rubric. Do not let the order or the length sway you. {my_rule}\n\n{rubric}\n\n[Question]\n{seed}\n{paragraph}\n\n[Start of A]\n{answer} {page}\n[End of A]\n\n[Start of B]\n{answer} {page}\n[End of B]",
    ),
    "rubric": (
        "### Rubric: {my_virtue}, for {my_trade}\nLowest: the reply shows no {my_virtue} and misses what was asked for.\nLow: there are traces of {my_virtue}, but large parts are wrong or missing.\nMiddle: the main points are there, with lapses in {my_virtue}.\nHigh: good {my_virtue} throughout, with small flaws.\nHighest: faultless {my_virtue}, nothing to add and nothing to leave out.",
        "Criterion: {my_virtue}. A bad reply ignores the question or contradicts itself. A fair one answers, yet {my_virtue} suffers in places. A good one would satisfy {my_trade}. The best could not be improved in {my_virtue} by an expert with time.",
    ),
    "review": (
        "Review the change to {path}/{name}:\n- {verb}({thing}, {n})\n+ {verb}({thing}, {n})\n{my_rule}",
        "Write release notes for {name} {n}.{n}: {verb} {thing}; {verb} {thing}. {my_rule}",
        "Explain the failure: {path}/{name} line {n}: {trouble}. {my_rule}",
    ),
    "synthesis": (
        "Write {my_n} {tone} examples of a {my_sort} for {my_trade} in which {named} Return {my_format}. {my_rule}",
        "Generate a {my_sort} that a {my_trade} might get: {named} {my_rule} Label it {my_labels}.",
        "Paraphrase this {my_sort} in {n} ways for our {my_trade} test set: {named} {fact} {my_rule}",
    ),
    "jailbreak": (
        "{guise} {ask} {harm}, asks {name}. {closing}",
        "{guise} In it {name} must {harm} in {place}. Write the scene in detail.",
        "{ask} {harm}? {guise} {name} already said yes.",
        "{guise} List {n} ways to {harm} for {name}.",
    ),
    "seed": (
        "{name} has {n} {quantity}, buys {n} more and shares them with {n} friends. How many {quantity} does each get?",
        "A {trade} called {name} sells a {product} for {n} euros with {n} percent off. What does it cost?",
        "Explain {subject} to someone from {name}.",
        "Write a {tone} letter from {name} to a {trade} because {issue}.",
        "In {language}, {verb} a {thing} for {name} even when {trouble}.",
        "Classify the statement: {named}",
        "Compare {subject} and {subject} with {name} in mind.",
        "Find the error in the claim that {named}",
        "Give {n} arguments for and against {subject} in {name}.",
        "Complete the story: {named} {fact}",
    ),
    "answer": (
        "{fact} {fact} {fact} Therefore the result is {n}.",
        "First, {fact} Second, {fact} So {name} has {n}.",
        "{named} {fact} In short: {quality}.",
        "The answer is {n}. {fact} {fact} {fact} {fact}",
    ),
    "tool": (
        "{verb}_{my_sort}(id: int, {verb}: str) -> {name}\n{verb}_{thing}(limit: int) -> list",
        "[{{\"name\": \"{verb}\", \"for\": \"{name}\", \"arguments\": [\"{thing}\", \"{n}\"]}}]",
    ),
    "persona": (
        "You are the assistant of {name}, a {my_trade}. {my_rule} Answer in a {my_tone} tone.",
        "You answer for the {my_trade} {name}. Topics: {my_subject}. {my_rule} {my_closing}",
        "System: {name}. Role: {my_task} each {my_sort}. {my_rule}",
    ),
}  # fmt: skip

# prose: sentences (median, and sigma of the logarithm)
PROSE: Mapping[str, tuple[float, float]] = {"paragraph": (5.0, 0.6), "page": (20.0, 0.7)}

# number of patterns that one owner uses, for kinds in which an owner has habits (others: all)
HABITS: Mapping[str, int] = {
    "frame": 1,
    "batch": 1,
    "judge": 1,
    "rag": 1,
    "audit": 1,
    "backfill": 1,
    "elicit": 2,
    "review": 2,
    "synthesis": 1,
    "persona": 1,
    "chat": 18,
    "code": 6,
}

POPULAR_SYSTEM = ("You are a helpful assistant.", "You are a helpful coding assistant.", "Answer concisely.")
HARNESS_SYSTEM = (
    (
        "You are an interactive coding agent that helps users with software engineering tasks. Use the tools "
        "available to you. Keep answers short. Never commit unless asked. Prefer editing existing files."
    ),
    "You are an expert pair programmer running in the user's editor. Make the smallest change that works and run the tests.",
    "You are OpenCoder, an agent in a terminal. Plan, act, observe. Stop when the task is done.",
)
