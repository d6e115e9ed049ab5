"""Small changes of the product, and whether the tests notice them: `python -m tests.mutation`.

Each change is a *mutant*: one comparison, condition, number, call or statement of a core module
that says something else. A mutant that fails a test is noticed; one that fails none survives, and
shows a behaviour that nothing holds. Survivors that change nothing a user could see stand in
harmless.toml, each with its reason; any other survivor fails the run.

    mutants       what can be changed in a module: pure
    selection     which tests execute which lines, and how many branches are taken at all
    fork_server   pytest, collected once; each mutant is tried in a child of it
    copied_tree   the whole project with one changed module, tried in a process of its own
    run           several fork servers at once
    report        the sample, and the list of the harmless

mutmut (3.8) was tried first: it runs pytest twice in one process, which Hypothesis refuses for
methods of unittest classes; and it numbers its mutants, so no list of reasons outlives a change.
"""
