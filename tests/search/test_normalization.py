"""Score normalisation by hand-made numbers: means, the shared deviation, z-scores."""

import numpy as np
import pytest

from jv3search.indexes.vectors.languages import ChunkLanguages, LanguageSamples
from jv3search.search.normalization import CohortStatistics, best_by_chance, cohort_statistics, z_scores
from jv3search.types import unit_rows

QUERY = np.array([1, 0], np.float32)


def rows(count, cosine):
    """So many unit rows with one cosine with the query."""
    return np.tile(np.array([cosine, np.sqrt(1 - cosine**2)], np.float32), (count, 1))


def test_the_mean_of_a_language_with_few_chunks_leans_on_the_average():
    samples = LanguageSamples.of(64, {"de": rows(48, 0.6), "ja": rows(16, 0.2)})
    found = cohort_statistics(samples, QUERY)
    # German counts for 48 / (48 + 16), Japanese for 16 / (16 + 16); the average so weighted is 0.44
    assert found.means == {"de": pytest.approx(0.56), "ja": pytest.approx(0.32)}
    # 48 cosines 0.04 above their mean, 16 of them 0.12 below
    # and 64 of the usual deviation, 0.07
    assert found.deviation == pytest.approx(np.sqrt((48 * 0.04**2 + 16 * 0.12**2 + 64 * 0.07**2) / 128))


def test_copies_of_one_text_do_not_make_everything_else_stand_out():
    assert cohort_statistics(LanguageSamples.of(9, {"th": rows(9, 0.3)}), QUERY).deviation == pytest.approx(
        np.sqrt(64 * 0.07**2 / 73), rel=1e-5
    )
    assert cohort_statistics(LanguageSamples.of(0, {}), QUERY) == CohortStatistics({}, 0.07)


def test_a_z_score_is_above_the_mean_of_its_language_and_less_in_a_large_one():
    none = np.empty(0, np.int64)
    languages = ChunkLanguages().changed(np.array([2, 5, 9, 3, 4]), ["en", "en", "en", "сеть", "ja"], none)
    languages = languages.changed(none, [], np.array([4]))
    statistics = CohortStatistics({"en": 0.4, "сеть": 0.1}, 0.05)
    ids = np.array([3, 5, 9])
    found = z_scores(np.array([0.2, 0.5, 0.35], np.float32), languages.codes_of(ids), languages, statistics)
    assert found == pytest.approx([2.0, 2.0 - best_by_chance(3) / 2, -1.0 - best_by_chance(3) / 2], abs=1e-5)
    offsets = dict(zip(languages.names, statistics.offsets(languages).tolist(), strict=True))
    assert offsets == pytest.approx({"en": 0.4 + 0.025 * best_by_chance(3), "сеть": 0.1, "ja": np.inf})


def test_moments_stand_for_the_rows_that_were_sampled():
    rng = np.random.default_rng(3)
    sampled = {name: unit_rows(rng.normal(size=(40, 8)) + shift) for name, shift in (("ta", 0.3), ("है", -0.2))}
    samples = LanguageSamples.of(80, sampled, 4)
    for dimension in (8, 4):
        query = unit_rows(rng.normal(size=dimension))
        cosines = {name: unit_rows(rows, dimension) @ query for name, rows in sampled.items()}
        found = cohort_statistics(samples, query)
        share = 40 / (40 + 16)
        average = np.mean([values.mean() for values in cosines.values()])
        means = {name: share * values.mean() + (1 - share) * average for name, values in cosines.items()}
        assert found.means == pytest.approx(means, abs=1e-6)
        apart = np.concatenate([values - means[name] for name, values in cosines.items()])
        assert found.deviation == pytest.approx(np.sqrt((80 * apart.var() + 64 * 0.07**2) / 144), rel=1e-5)
    with pytest.raises(ValueError, match="3 dimensions"):
        cohort_statistics(samples, unit_rows(np.ones(3)))


@pytest.mark.parametrize(("chunks", "exact"), [(1, 0.0), (2, 0.564), (10, 1.539), (100, 2.508), (10_000, 3.852)])
def test_the_best_by_chance_grows_with_the_number_of_chunks(chunks, exact):
    assert best_by_chance(chunks) == pytest.approx(exact, abs=0.03)  # the means of normal maxima (Harter 1961)


def test_samples_fit_until_the_index_has_changed_by_a_twentieth():
    samples = LanguageSamples.of(100, {"de": rows(1, 0.5), "ja": rows(1, 0.5)})
    assert samples.still_fit(105, ["ja", "de"])
    assert samples.still_fit(95, ["de", "ja"])
    assert not samples.still_fit(106, ["de", "ja"])
    assert not samples.still_fit(100, ["de"])
    assert not samples.still_fit(100, ["de", "ja", "zh"])
