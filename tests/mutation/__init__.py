"""Small changes of the product, and whether the tests notice them: `python -m tests.mutation`.

Each change is a *mutant*: one comparison, condition, number, call or statement of a core module is
replaced. A mutant that fails a test is noticed; one that fails none survives, and shows behaviour
that no test checks. Survivors that change nothing visible to a user are listed in harmless.toml,
each with its reason; any other survivor fails the run.

    mutants       the possible changes of a module: pure
    selection     which tests execute which lines, and the share of branches taken
    fork_server   pytest, collected once; each mutant is tried in a child process of it
    copied_tree   the whole project with one changed module, tried in a process of its own
    run           several fork servers at once
    report        the sample, and the list of the harmless

mutmut (3.8) was tried first: it runs pytest twice in one process, which Hypothesis refuses for
methods of unittest classes; and it numbers its mutants, so a list of reasons breaks at each change.
"""
