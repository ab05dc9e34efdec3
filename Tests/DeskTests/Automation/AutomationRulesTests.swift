import Testing
@testable import Desk

@Suite struct AutomationRulesTests {
    @Test(arguments: [
        (RuleCondition(.inbox, .is, ["a", "b"]), ["b"], true), (RuleCondition(.inbox, .is, ["a"]), ["b"], false), (RuleCondition(.inbox, .isNot, ["a"]), ["b"], true),
        (RuleCondition(.inbox, .isNot, ["b"]), ["b"], false), (RuleCondition(.tags, .is, ["vip"]), ["old", "VIP"], true), (RuleCondition(.tags, .is, ["vip"]), [], false),
        (RuleCondition(.tags, .isNot, ["vip"]), [], true), (RuleCondition(.tags, .hasAll, ["a", "b"]), ["b", "c", "a"], true), (RuleCondition(.tags, .hasAll, ["a", "b"]), ["a"], false),
        (RuleCondition(.text, .contains, ["remb"]), ["Un REMBOURSEMENT, vite"], true), (RuleCondition(.text, .contains, ["art"]), ["ma carte"], false),
        (RuleCondition(.text, .contains, ["été", "hiver"]), ["la collection d’ete"], true), (RuleCondition(.text, .containsNot, ["lampe"]), ["ma lampe"], false),
        (RuleCondition(.text, .containsNot, ["lampe"]), [""], true), (RuleCondition(.text, .contains, ["ma lampe"]), ["voici ma lampe"], true),
        (RuleCondition(.contactEmail, .known), ["x@example.org"], true), (RuleCondition(.contactEmail, .known), [], false), (RuleCondition(.contactEmail, .unknown), [], true),
        (RuleCondition(.contactEmail, .contains, ["@example.org"]), ["x@example.org"], true), (RuleCondition(.contactCompany, .isNot, ["ACME"]), ["acme"], false),
        (RuleCondition(.page, .contains, ["/cart"]), ["https://shop.example/cart?x=1"], true),
    ])
    func aConditionHolds(_ condition: RuleCondition, _ actual: [String], _ holds: Bool) {
        #expect(condition.holds(actual) == holds)
    }
    @Test func allAnyAndNone() {
        #expect(RuleMatch.all.holds([true, true]) && !RuleMatch.all.holds([true, false]) && RuleMatch.any.holds([false, true]) && !RuleMatch.any.holds([false]))
        #expect(RuleMatch.all.holds([]) && RuleMatch.any.holds([]))
    }
    @Test(arguments: [
        (RuleEvery.always, nil, 0, true), (.always, 1, 9, true), (.always, 1, 10, false), (.once, nil, 0, true), (.once, 1, 0, false),
        (.hour, 10_000_000 - 3_600_000, 1, true), (.hour, 10_000_000 - 3_599_999, 1, false), (.day, 10_000_000 - 3_600_000, 1, false),
    ] as [(RuleEvery, Int64?, Int64, Bool)])
    func howOftenIsLimited(_ every: RuleEvery, _ last: Int64?, _ inHour: Int64, _ allowed: Bool) {
        #expect(every.allows(last: last, inHour: inHour, now: 10_000_000) == allowed)
    }
    @Test func everyFieldHasOperatorsOfItsKind() {
        for field in RuleField.allCases {
            #expect(!field.operators.isEmpty && (field.choices == nil || field.kind == .choice))
        }
    }
}
