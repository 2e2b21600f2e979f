"""Families in our own words, after disclosures and published pipelines."""

# ruff: noqa: E501 (lines of text are data)

from simulation.families.base import Family

WRITTEN = (
    Family(
        name="instruction_generation",
        wrapper="<<You are helping to build a data set.|We are collecting tasks for a study.|Act as a task writer.>> Write {count} "
        "diverse instructions that a capable assistant could be given. <<Vary the verbs and the length.|No two may begin "
        "alike.>> Mix questions with orders.\n\nExamples:\n1. {seed}\n2. {seed}\n\n<<Tasks:|New instructions:|Continue:>>",
        fills={"count": ("5", "8", "10", "12", "15", "20")},
    ),
    Family(
        name="chain_of_thought",
        wrapper="{seed}\n\n<<Think step by step and write out every intermediate thought before the answer.|Articulate the "
        "full reasoning behind your answer, step by step, then give the final answer after 'Answer:'.|Show all of "
        "your working in numbered steps and only then conclude.>>",
        lengths="long",
    ),
    Family(
        name="reasoning_reconstruction",
        wrapper="<<Task:|Problem:>> {seed}\n\n<<Finished answer:|Answer given:>> {answer}\n\nReconstruct the reasoning that leads "
        "from the task to this answer, <<one numbered step a line|as an inner monologue>>, without questioning the answer.",
    ),
    Family(
        name="rubric_grading",
        wrapper="Evaluate the reply to an instruction by the rubric.\nRubric: 1 wrong or off topic, 2 partly useful, 3 mostly "
        "right, 4 right with small flaws, 5 <<excellent|without fault>>.\n\nInstruction: {seed}\n\nReply: {answer}\n\n"
        "<<Give the number only.|Write one sentence and then the number.>>",
        lengths="short",
    ),
    Family(
        name="code_tasks",
        wrapper="<<You are given a repository task.|Solve this software engineering task.>>\n\n{code}\n\n<<Return the complete patch "
        "and the tests.|Plan first, then write every changed file in full.>> Explain each decision <<briefly|in detail>>.",
        system=(
            "You are an autonomous software engineer.",
            "You are an expert programmer with shell access.",
        ),
        lengths="long",
    ),
    Family(
        name="tool_use",
        wrapper="Available functions:\n{tool}\n\nUser request: {seed}\n\n<<Decide which functions to call and write the calls as "
        "JSON, then the final answer.|Write the full dialogue between assistant and functions.>>",
        lengths="work",
        tools=(0, 6),
    ),
    Family(
        name="safe_rewrites",
        wrapper="<<Rewrite the text so that it is acceptable to every reader|Rephrase the passage in neutral, approved language>>. "
        "<<Keep the facts.|Leave out judgements.>> Then write the question that the new text answers.\n\nText: {document}",
        lengths="work",
    ),
    Family(
        name="trace_cleaning",
        wrapper="<<Below is a raw reasoning trace.|Here are notes of a solver.>> Remove repetitions and false starts, keep every valid "
        "step, and return clean numbered reasoning.\n\nTask: {seed}\n\nTrace: {answer} {answer}",
    ),
    Family(
        name="refusal_mapping",
        wrapper="{jailbreak}\n\n<<If you would not answer, name the exact rule that prevents it.|Say whether this is allowed, and "
        "where the line lies.>>",
        lengths="chat",
    ),
    Family(name="bare_seeds", wrapper="{seed}", lengths="work"),
    Family(
        name="agentic_tasks",
        wrapper="<<State of the run so far:|Observations up to now:>>\n{agent}\n{agent}\n\nGoal: {code}\n\n<<Choose the next action, give its "
        "arguments, and say why.|Continue until the goal is reached; write each thought, each action and what it returned.>>",
        system=(
            "You act in a terminal and report each step.",
            "You are a planner with tools. Think aloud before every action.",
            "",
        ),
        lengths="agent",
        tools=(3, 24),
    ),
    Family(
        name="data_analysis",
        wrapper="<<Table|Extract|Data>>:\n{document}\n{document}\n\n<<Write the analysis: the plan, the code, its output, the finding.|Answer "
        "with code and a conclusion, showing the intermediate results.>>\nQuestion: {seed}",
        lengths="work",
    ),
    Family(
        name="fixed_prompt",
        wrapper="Solve the task below as you would for a demanding customer. Give the complete result.\n\n{seed}",
        lengths="work",
    ),
    Family(
        name="single_accounts",
        wrapper="{seed}\n\n<<Answer in full.|Leave nothing out.|Be exhaustive.>>",
        lengths="work",
    ),
)

# held out of all scenarios but the one that tests on families held out of training
UNSEEN = (
    Family(
        name="preference_pairs",
        wrapper="<<For the request below|Given this message>>, write two replies: the first one excellent, the second <<subtly worse|with one "
        "mistake>>. Mark them A and B.\n\n{seed}",
    ),
    Family(
        name="dialogue_simulation",
        wrapper="<<Play both sides of a conversation|Write the whole chat>> of {count} turns that starts like this, the assistant being "
        "<<patient and precise|an expert>>:\nUser: {support}\nAssistant:",
        fills={"count": ("4", "6", "8", "10")},
    ),
    Family(
        name="evolved_instructions",
        wrapper="<<Make this prompt harder by one more constraint, then answer the new prompt.|Rewrite the request so that it needs deeper "
        "knowledge, then solve it.>>\n#Given#\n{seed}",
        lengths="work",
    ),
)
