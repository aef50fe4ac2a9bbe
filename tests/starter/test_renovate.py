"""Renovate's settings about images, as rules of basebump."""

from __future__ import annotations

import pytest

from bot.starter.renovate import translate_renovate

NGINX = "docker.io/library/nginx"


def translate(config, images=(NGINX,)):
    return translate_renovate("renovate.json", config, images)


def list_rules(config, images=(NGINX,)):
    """Return the conditions and keys of the translated rules, without the rule for the kinds of updates."""
    *rules, last = [(dict(each.match), dict(each.keys)) for each in translate(config, images).rules]
    assert last == ({}, {"update": "major"})
    return rules


@pytest.mark.parametrize(
    ("option", "value", "keys"),
    [
        ("labels", ["a", "b"], {"labels": ("a", "b")}),
        ("reviewers", ["alice", "team:core"], {"reviewers": ("alice", "team:core")}),
        ("assignees", ["bob"], {"assignees": ("bob",)}),
        ("minimumReleaseAge", "3 days", {"min_age": "3d"}),
        ("minimumReleaseAge", "36 hours", {"min_age": "36h"}),
        ("stabilityDays", None, {}),
        ("stabilityDays", "14", {"min_age": "14d"}),
        ("draftPR", True, {"draft": True}),
        ("automerge", True, {"automerge": {"max_update": "major"}}),
        ("automerge", False, {}),
        ("groupName", "base images", {"group": "base images"}),
        ("pinDigests", False, {"pin": False}),
        ("rebaseWhen", "behind-base-branch", {"rebase": "always"}),
        ("schedule", ["before 4am on monday"], {"schedule": {"cron": "* 0-3 * * 1", "timezone": "UTC"}}),
    ],
)
def test_global_renovate_option_is_translated_to_rule_without_match(option, value, keys):
    assert list_rules({option: value}) == ([({}, keys)] if keys else [])
    assert translate({option: value}).untranslated == ()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("groupName", "{{packageName}}"),
        ("minimumReleaseAge", "a while"),
        ("minimumReleaseAge", "400 days"),
        ("rebaseWhen", "sometimes"),
        ("schedule", ["every 3 weeks"]),
        ("draftPR", "yes"),
    ],
)
def test_renovate_value_without_equivalent_is_reported_and_not_translated(option, value):
    translation = translate({option: value})
    assert [each.origin for each in translation.untranslated] == [f"{option} of renovate.json"]
    assert [dict(each.keys) for each in translation.rules] == [{"update": "major"}]


def test_package_rule_conditions_are_translated_to_match_keys():
    rule = {
        "matchPackageNames": ["nginx", "ghcr.io/acme/**"],
        "matchFileNames": ["services/**"],
        "matchManagers": ["dockerfile", "docker-compose"],
        "matchBaseBranches": ["main"],
        "labels": ["web"],
    }
    assert list_rules({"packageRules": [rule]}) == [
        (
            {
                "image": (NGINX, "ghcr.io/acme/**"),
                "format": ("dockerfile", "compose"),
                "path": ("services/**",),
                "base_branch": ("main",),
            },
            {"labels": ("web",)},
        )
    ]


def test_package_rules_of_renovate_are_translated_in_reverse_order():
    rules = [
        {"matchDatasources": ["docker"], "labels": ["first"]},
        {"matchPackageNames": ["nginx"], "labels": ["last"]},
    ]
    assert [keys["labels"] for _, keys in list_rules({"packageRules": rules})] == [("last",), ("first",)]


@pytest.mark.parametrize(
    "rule",
    [
        {"matchDatasources": ["npm"], "labels": ["x"]},
        {"matchManagers": ["npm", "pip_requirements"], "labels": ["x"]},
        {"matchPackageNames": ["eslint", "@types/node"], "labels": ["x"]},
        {"matchPackagePatterns": ["^eslint"], "labels": ["x"]},
    ],
)
def test_package_rules_that_match_no_images_are_left_out_silently(rule):
    assert list_rules({"packageRules": [rule]}) == []
    assert translate({"packageRules": [rule]}).untranslated == ()


@pytest.mark.parametrize(
    ("conditions", "match"),
    [
        ({"matchCurrentValue": ["/^1/"]}, {}),
        ({"matchDepTypes": ["final"]}, {}),
        ({"matchSourceUrls": ["https://example.com/acme"]}, {}),
        ({"matchPackageNames": ["/^ghcr\\.io\\/acme/"]}, {"image": ("ghcr.io/acme**",)}),
        ({"matchPackageNames": ["!nginx"]}, {}),
        ({"matchPackageNames": ["/(a|b)+/"]}, {}),
        ({"matchFileNames": ["/^a/"]}, {}),
    ],
)
def test_restriction_without_exact_condition_applies_to_more_images_and_is_reported(conditions, match):
    rule = {"matchDatasources": ["docker"], **conditions, "enabled": False}
    translation = translate({"packageRules": [rule]})
    assert next((dict(each.match), dict(each.keys)) for each in translation.rules) == (match, {"ignore": True})
    assert [each.origin for each in translation.untranslated] == ["packageRules[0] of renovate.json"]


@pytest.mark.parametrize(
    "conditions", [{"matchCurrentValue": ["/^1/"]}, {"matchDepTypes": ["final"]}, {"matchPackageNames": ["/^x/"]}]
)
def test_permission_without_exact_condition_is_left_out_and_reported(conditions):
    rule = {"matchDatasources": ["docker"], **conditions, "automerge": True}
    assert list_rules({"packageRules": [rule]}) == []
    assert len(translate({"packageRules": [rule]}).untranslated) == 1


def test_rule_for_category_of_images_turns_automerge_off():
    rule = {"matchCategories": ["docker"], "automerge": False}
    (first, *_) = list_rules({"automerge": True, "packageRules": [rule]})
    assert first == (
        {"format": ("dockerfile", "compose", "devcontainer", "quadlet")},
        {"automerge": {"max_update": "none"}},
    )


def test_regular_expression_permits_automerge_only_for_known_images():
    rule = {"matchDatasources": ["docker"], "matchPackageNames": ["/^ngin/"], "automerge": True}
    assert list_rules({"packageRules": [rule]}) == [({"image": (NGINX,)}, {"automerge": {"max_update": "major"}})]


def test_rule_that_disables_digest_updates_ignores_the_image():
    rule = {"matchPackageNames": ["nginx"], "matchUpdateTypes": ["digest"], "enabled": False}
    assert list_rules({"packageRules": [rule]}) == [({"image": (NGINX,)}, {"ignore": True})]


def test_limit_of_later_rule_does_not_lift_limit_of_earlier_rule():
    rules = [
        {"matchPackageNames": ["nginx"], "matchUpdateTypes": ["minor"], "enabled": False},
        {"matchFileNames": ["web/**"], "matchUpdateTypes": ["major"], "enabled": False},
    ]
    found = list_rules({"packageRules": rules})
    assert found[0] == ({"path": ("web/**",)}, {"update": "patch"})


@pytest.mark.parametrize("option", [{"schedule": ["every 3 weeks"]}, {"minimumReleaseAge": "a while"}])
def test_delay_without_equivalent_stops_automerge(option):
    rule = {"matchPackageNames": ["nginx"], "automerge": True}
    assert list_rules({"automerge": True, "packageRules": [rule], **option}) == []


@pytest.mark.parametrize("preset", ["local>acme/all", "schedule:automergeDaily", ":onlyNpm", "acme", "config:other"])
def test_unread_preset_limits_updates_to_digests_without_automerge(preset):
    rule = {"matchPackageNames": ["nginx"], "automerge": True}
    translation = translate({"extends": [preset], "automerge": True, "packageRules": [rule]})
    assert [dict(each.keys) for each in translation.rules] == [{"update": "digest"}]
    (untranslated,) = translation.untranslated
    assert preset in untranslated.reason


@pytest.mark.parametrize("preset", ["group:monorepos", ":semanticCommits", "mergeConfidence:all-badges"])
def test_preset_without_restrictions_keeps_automerge(preset):
    translation = translate({"extends": [preset], "automerge": True})
    assert translation.untranslated == ()
    assert translation.rules[-2].keys == {"automerge": {"max_update": "major"}}


@pytest.mark.parametrize(
    "option",
    [
        {"prCreation": "approval"},
        {"dependencyDashboardApproval": True},
        {"updatePinnedDependencies": False},
        {"minimumGroupSize": "3"},
        {"force": {"enabled": False}},
        {"pathRules": [{"paths": ["web/**"], "enabled": False}]},
        {"optionOfLaterRelease": "x"},
    ],
)
@pytest.mark.parametrize("where", ["", "packageRules[0]", "dockerfile", "digest"])
def test_option_that_may_forbid_anything_limits_updates_to_digests_and_is_named(option, where):
    name = next(iter(option))
    configs = {
        "": option,
        "packageRules[0]": {"packageRules": [{"matchPackageNames": ["nginx"], **option}]},
        "dockerfile": {"dockerfile": option},
        "digest": {"digest": option},
    }
    translation = translate({"automerge": True, **configs[where]})
    if where != "digest" or name != "force":  # an object inside a block is not an option
        restricted = translation.rules[0].keys
        assert restricted.get("automerge", {"max_update": "none"}) == {"max_update": "none"}
        assert where == "digest" or restricted["update"] == "digest"
    assert any(name in each.reason and (where or name) in each.origin for each in translation.untranslated)


@pytest.mark.parametrize(
    "option",
    [{"prCreation": "not-pending"}, {"updatePinnedDependencies": True}, {"mode": "full"}, {"username": "a"}],
)
def test_option_without_effect_on_updates_keeps_automerge(option):
    assert list_rules({"automerge": True, **option}) == [({}, {"automerge": {"max_update": "major"}})]


@pytest.mark.parametrize("option", ["followTag", "maxMajorIncrement", "versioning", "extractVersion"])
def test_limit_of_versions_is_reported_and_allows_only_digests(option):
    translation = translate({"packageRules": [{"matchPackageNames": ["nginx"], option: "1"}]})
    assert (dict(translation.rules[0].match), dict(translation.rules[0].keys)) == (
        {"image": (NGINX,)},
        {"update": "digest"},
    )
    assert option in translation.untranslated[0].reason


def test_silent_mode_ignores_all_images():
    translation = translate({"mode": "silent", "packageRules": [{"matchPackageNames": ["nginx"], "enabled": True}]})
    assert (translation.rules[0].match, translation.rules[0].keys) == ({}, {"ignore": True})
    assert translation.untranslated[0].origin == "mode of renovate.json"


@pytest.mark.parametrize("option", ["ignoreDeps", "ignorePaths", "packageRules"])
def test_restriction_of_some_images_of_a_manager_ignores_all_of_its_images(option):
    translation = translate({"dockerfile": {option: ["nginx"]}})
    assert (translation.rules[0].match, translation.rules[0].keys) == ({"format": ("dockerfile",)}, {"ignore": True})
    assert option in translation.untranslated[0].reason


def test_delay_of_a_single_type_of_updates_stops_automerge_of_this_type():
    translation = translate({"automerge": True, "major": {"schedule": ["* * 1 * *"]}})
    assert translation.rules[0].keys == {"automerge": {"max_update": "minor"}}
    (untranslated,) = translation.untranslated
    assert (untranslated.origin, "schedule" in untranslated.reason) == ("major of renovate.json", True)


def test_restriction_applies_to_image_that_is_added_later():
    rules = [{"matchPackageNames": ["redis"], "enabled": False, "labels": ["x"]}]
    assert list_rules({"packageRules": rules}) == [({"image": ("docker.io/library/redis",)}, {"ignore": True})]


@pytest.mark.parametrize(
    ("former", "later"),
    [
        ({"packageNames": ["nginx"]}, {"matchPackageNames": ["nginx"]}),
        ({"packagePatterns": ["^nginx$"]}, {"matchPackagePatterns": ["^nginx$"]}),
        (
            {"datasources": ["docker"], "updateTypes": ["major"]},
            {"matchDatasources": ["docker"], "matchUpdateTypes": ["major"]},
        ),
        ({"managers": ["dockerfile"]}, {"matchManagers": ["dockerfile"]}),
        ({"languages": ["docker"]}, {"matchCategories": ["docker"]}),
    ],
)
def test_former_names_of_conditions_are_translated(former, later):
    former_rule, later_rule = [{"packageRules": [{**each, "enabled": False}]} for each in (former, later)]
    assert translate(former_rule).rules == translate(later_rule).rules


def test_ignored_preset_permits_no_automerge():
    assert list_rules({"extends": [":automergeAll"], "ignorePresets": [":automergeAll"]}) == []


def test_recommended_preset_limits_images_of_java_to_digests():
    java, config = "docker.io/library/eclipse-temurin", {"extends": ["config:recommended"]}
    first, *_ = [
        (dict(each.match), dict(each.keys)) for each in translate(config, [java]).rules if "image" in each.match
    ]
    assert java in first[0]["image"]
    assert first[1] == {"update": "digest"}
    assert not [each for each in translate(config).rules if "image" in each.match]


@pytest.mark.parametrize(
    ("option", "match"),
    [
        ({"includePaths": ["web/**"]}, {"path": ("web/**",)}),
        ({"enabledManagers": ["dockerfile"]}, {"format": ("dockerfile",)}),
    ],
)
def test_everything_outside_the_scope_of_renovate_is_ignored(option, match):
    assert list_rules(option) == [(match, {"ignore": False}), ({}, {"ignore": True})]


def test_line_of_package_rule_is_named():
    rule = {"matchDatasources": ["docker"], "matchDepTypes": ["final"], "enabled": False}
    translation = translate_renovate("renovate.json", {"packageRules": [rule]}, [], {"packageRules[0]": 7})
    assert translation.rules[0].origin == translation.untranslated[0].origin == "packageRules[0] of renovate.json:7"


@pytest.mark.parametrize(
    ("types", "limit"), [(["major"], "minor"), (["major", "minor"], "patch"), (["major", "minor", "patch"], "digest")]
)
def test_disabled_update_types_are_translated_to_lower_update_mode(types, limit):
    rule = {"matchPackageNames": ["nginx"], "matchUpdateTypes": types, "enabled": False}
    assert list_rules({"packageRules": [rule]}) == [({"image": (NGINX,)}, {"update": limit})]
    blocks = {each: {"enabled": False} for each in types}
    assert [dict(each.keys) for each in translate(blocks).rules] == [{"update": limit}]


def test_ignored_dependencies_and_paths_are_translated_to_ignore_rules():
    config = {"ignoreDeps": ["nginx", "eslint"], "ignorePaths": ["legacy/**", "**/node_modules/**"]}
    assert list_rules(config) == [
        ({"path": ("legacy/**",)}, {"ignore": True}),
        ({"image": ("docker.io/library/eslint", NGINX)}, {"ignore": True}),
    ]


def test_known_renovate_presets_are_expanded_and_others_reported():
    config = {
        "extends": ["config:recommended", ":label(deps)", "schedule:weekly", ":timezone(Asia/Tokyo)", "local>acme/all"]
    }
    translation = translate(config)
    assert dict(translation.rules[1].keys) == {
        "labels": ("deps",),
        "schedule": {"cron": "* 0-3 * * 1", "timezone": "Asia/Tokyo"},
    }
    assert translation.rules[0].match == {
        "path": ("**/__fixtures__/**", "**/__tests__/**", "**/examples/**", "**/test/**", "**/tests/**")
    }
    (untranslated,) = translation.untranslated
    assert ": local>acme/all; " in untranslated.reason


def test_labels_added_by_package_rule_are_combined_with_global_labels():
    rule = {"matchPackageNames": ["nginx"], "addLabels": ["web"]}
    assert list_rules({"labels": ["deps"], "packageRules": [rule]})[0][1] == {"labels": ("web", "deps")}


def test_key_that_an_earlier_rule_sets_for_all_images_is_left_out():
    rule = {"matchDatasources": ["docker"], "labels": ["docker"]}
    assert list_rules({"labels": ["all"], "packageRules": [rule]}) == [({}, {"labels": ("docker",)})]


def test_renovate_options_without_equivalent_are_reported_together():
    translation = translate({"prConcurrentLimit": None, "hostRules": []})
    assert translation.untranslated[0].reason.endswith("hostRules, prConcurrentLimit")


def test_package_rule_option_without_equivalent_is_reported():
    rule = {"matchDatasources": ["docker"], "matchPackageNames": ["nginx"], "allowedVersions": "<2", "labels": ["web"]}
    translation = translate({"packageRules": [rule]})
    (unknown,) = translation.untranslated
    assert (unknown.origin, unknown.reason) == (
        "packageRules[0] of renovate.json",
        "basebump has no options like allowedVersions, so only digests are updated",
    )
    assert translation.rules[0].keys == {"update": "digest", "labels": ("web",)}


def test_origin_of_rule_from_preset_refers_to_the_extends_key():
    rule = {"matchDatasources": ["docker"], "labels": ["docker"]}
    translation = translate({"extends": ["docker:pinDigests"], "packageRules": [rule]})
    origins = [each.origin for each in translation.rules]
    assert origins[0] == "packageRules[0] of renovate.json"
    assert "a preset in extends of renovate.json" in origins[1:]
