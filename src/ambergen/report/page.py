"""The report: one HTML page that explains a run directory to the person whose data it is.

The page needs nothing outside itself. It shows what the run directory holds, in this order, and says what is missing:
judgement, models, best of n sampled, tracks, curves, search, winner, training, cost, provenance.

What it reads
-------------
``run.yaml``           the resolved run file, shown as it is
``provenance.json``    any nesting of named values; ``seed``, ``versions``, ``device``, ``dtype``, ``store`` come first
``events.jsonl``       the event log of the searches (a torn last line is passed over)
``models/*/seed*/history.jsonl``   one object an epoch: ``epoch``, ``loss``, ``selection_auroc``
``compare.parquet``    one row a model, seed and track
``compare.json``       the summary of the comparison, below

Keys of ``compare.json``
------------------------
Every number is of the split that ``split`` names. Scores are in [0, 1]; nan and infinity are written as null. All keys
but ``models`` may be absent; the report then leaves that part out and says so.

``format``      1
``split``       "test"
``n_windows``   windows in that split
``metric``      "auroc" or "average_precision": the one that sentences and best-of-n speak of
``minimum``     10: positives and negatives that a track needs to enter a mean
``tracks``      {"n": all tracks, "used": tracks in the means,
                "undefined": [{"track", "positives", "negatives", "reason"}, ...]}
``interval``    {"level": 0.95, "method": one phrase, such as "bootstrap over tracks and test windows"}
``models``      one object a row of the table:
                {"model": name to show, "group": "searched" | "sampled" | "expert" | "kmer" | "ensemble",
                 "architecture": id, or a name for a rival, "search": 0..R-1 or null, "seeds": [0, 1, ...],
                 "auroc": {"mean", "low", "high", "seed_sd"}, "average_precision": the same four,
                 "parameters", "multiply_adds": counts or null,
                 "device_seconds": training of one seed, mean over seeds, "windows": likewise,
                 "note": text or null}
                ``mean`` is the mean over tracks, then over seeds; ``seed_sd`` is null with one seed.
``groups``      one object a group of several architectures (searched, sampled):
                {"group", "n_architectures", "auroc": {"mean", "low", "high", "sd"}, "average_precision": likewise}
                ``sd`` is over architectures; null with one.
``tests``       one object a test, the first one primary:
                {"a": "searched", "b": "sampled" or a model's name, "metric", "n_a", "n_b", "difference", "low", "high",
                 "cliffs_delta", "p": number or null, "p_adjusted": number or null, "method": name of the test,
                 "reason": why there is no p, or null}
                ``difference`` is a minus b.
``spread``      {"seeds_sd", "architectures_sd", "difference", "architectures_needed": per arm, or null}
``best_of_n``   {"metric", "n": [1, 2, ...], "expected": [...], "sd": [...] or null, "cost": [device seconds for n],
                 "searched": mean of the searched models, "search_cost": device seconds of one search with the
                 training of its model, "falls_short": true where the last cost is below search_cost}
``sentences``   the judgement in plain words, most important first
``notes``       rules that a reader must know: how experts were scaled, what the k-mer regression saw
``curves``      {"model": name, "seed": number, "tracks": {track: {"fpr", "tpr", "recall", "precision"}}}
                four lists of equal length two by two; 200 points a track are plenty
"""
