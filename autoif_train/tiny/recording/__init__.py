"""The recorded supervisor: the answers that let every recipe run without a server, and the builder that writes them.

The answers are written by hand and labelled as a recording. They are no model's work, but made to look and to fail
like one: about a fifth of the functions or their cases have a flaw (`flaws.SHARES`), some descriptions contradict
their function, and for a few instructions nothing usable is written at all. Per thousand answers about functions:

    ==========================================================  ===
    a mistake of the kind's own (off by one, characters for
    words, case, wrong scope or direction)                       55
    a case with the wrong label                                  30
    labels written as strings                                    20
    three cases of one label                                     16
    a module that is not allowed                                 12
    'true' and 'false' returned as strings                       12
    an IndexError on some texts                                  10
    an import forgotten                                           8
    a constant function                                           8
    JSON with a trailing comma                                    8
    JSON cut off                                                  8
    no function called `evaluate`                                 7
    JSON with line breaks inside of strings                       6
    a Python dict instead of JSON                                 5
    `eval` of the reply                                           4
    an endless loop                                               1
    ==========================================================  ===

(An answer drawn for a mistake of its kind's own is sound where none is written for that kind.)

Besides, all eight answers are flawed for each of the seven proposals in `kinds/hopeless.py`, and three of a hundred
descriptions of a sound function contradict it. `python -m autoif_train.tiny.recording` writes
`autoif_train/tiny/data/recordings.jsonl` anew, byte for byte the same.
"""
