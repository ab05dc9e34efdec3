/// Periods, and what the sums of cases mean. Pure.
package enum ReportRules {
    package enum Metric: String, Sendable, CaseIterable {
        case volume, backlog, firstResponse = "first_response", response, resolution, sla, csat, nps
    }
    package enum Step: String, Sendable, CaseIterable { case day, week, month }
    package enum Group: String, Sendable, CaseIterable { case agent, team, inbox, channel, tag }
    package enum Unit: String, Sendable, CaseIterable { case count, ms, permille, hundredths, tenths }

    /// Days in a time zone: from the first to the last, and what lies before it, of the same length.
    package struct Period: Sendable, Hashable {
        package let first: Civil, last: Civil, zone: ZoneFile
        package var days: Int64 { last.number - first.number + 1 }
        package var start: Int64 { Self.moment(first.number, zone) }
        package var end: Int64 { Self.moment(last.number + 1, zone) }
        package var before: Period { Period(first: Civil(day: first.number - days), last: Civil(day: first.number - 1), zone: zone) }
        package init(first: Civil, last: Civil, zone: ZoneFile) { self.first = first; self.last = last; self.zone = zone }

        static func moment(_ day: Int64, _ zone: ZoneFile) -> Int64 { zone.moment(ofLocal: day * 86_400, last: false) * 1000 }

        /// Where the parts begin; weeks begin on Mondays, months on their first days, the first part where the period does.
        package func parts(_ step: Step) -> [(start: Int64, end: Int64)] {
            var starts: [Int64] = [], day = first.number
            while day <= last.number {
                starts.append(day)
                switch step {
                case .day: day += 1
                case .week: day += 7 - Int64(Civil.mondayBased(day))
                case .month:
                    let it = Civil(day: day)
                    day = Civil(year: it.month == 12 ? it.year + 1 : it.year, month: it.month == 12 ? 1 : it.month + 1, day: 1).number
                }
            }
            return zip(starts, starts.dropFirst() + [last.number + 1]).map { (Self.moment($0, zone), Self.moment($1, zone)) }
        }
        package var step: Step { days <= 62 ? .day : days <= 210 ? .week : .month }
    }

    /// The value that half of all are not above, or nine in ten: by its place among all of them, from 1 on. No value is made up between two.
    package static func place(_ percent: Int64, of count: Int64) -> Int64 { max(1, (count * percent + 99) / 100) }

    static func divided(_ a: Int64, _ b: Int64) -> Int64? { b == 0 ? nil : (2 * a + b) / (2 * b) }
    private static func signed(_ a: Int64, _ b: Int64) -> Int64? { b == 0 ? nil : a < 0 ? divided(-a, b).map { -$0 } : divided(a, b) }

    /// What is told of a metric, from its sums (in the order of `Reports.sums`). Times get their medians from elsewhere.
    package static func values(_ metric: Metric, _ s: [Int64], asked: Int64 = 0) -> [(key: String, unit: Unit, value: Int64?)] {
        switch metric {
        case .volume: [("opened", .count, s[0]), ("new", .count, s[1]), ("returning", .count, s[0] - s[1])]
        case .backlog: [("open", .count, s[0])]
        case .firstResponse, .resolution: [("count", .count, s[0]), ("mean", .ms, divided(s[1], s[0])), ("mean_open", .ms, divided(s[2], s[0]))]
        case .response: [("replies", .count, s[1]), ("mean", .ms, divided(s[2], s[1])), ("mean_open", .ms, divided(s[3], s[1]))]
        case .sla: [("kept", .permille, divided(1000 * (s[0] + s[2] + s[4]), s.reduce(0, +))),
                    ("first_kept", .count, s[0]), ("first_broken", .count, s[1]), ("next_kept", .count, s[2]), ("next_broken", .count, s[3]),
                    ("resolution_kept", .count, s[4]), ("resolution_broken", .count, s[5])]
        case .csat: [("satisfied", .permille, divided(1000 * s[1], s[0])), ("answers", .count, s[0]), ("mean", .hundredths, divided(100 * s[2], s[0])), ("answered", .permille, divided(1000 * s[0], asked))]
            + (0..<5).map { ("score_\($0 + 1)", .count, s[3 + $0]) }
        case .nps: [("nps", .tenths, signed(1000 * (s[1] - s[2]), s[0])), ("answers", .count, s[0]), ("promoters", .count, s[1]), ("passives", .count, s[0] - s[1] - s[2]), ("detractors", .count, s[2]),
                    ("answered", .permille, divided(1000 * s[0], asked))]
        }
    }

    /// How each is computed, for a person.
    package static func formula(_ metric: Metric) -> Phrase {
        switch metric {
        case .volume: Phrase(en: "Conversations opened in the period: new ones, and those in which somebody wrote again after they had been resolved.",
                             fr: "Conversations ouvertes pendant la période : nouvelles, et celles où quelqu’un a réécrit après leur résolution.")
        case .backlog: Phrase(en: "Conversations opened by the end of the day and not resolved by then.", fr: "Conversations ouvertes à la fin du jour et non résolues à cet instant.")
        case .firstResponse: Phrase(en: "From the customer’s message to the first answer of an agent, once for each opening, for answers given in the period. The median is the value that half of them do not exceed; p90 that nine in ten do not exceed. Open time counts the team’s or inbox’s hours only.",
                                    fr: "Du message du client à la première réponse d’un agent, une fois par ouverture, pour les réponses données pendant la période. La médiane est la valeur que la moitié ne dépasse pas ; p90, celle que neuf sur dix ne dépassent pas. Le temps ouvré ne compte que les horaires de l’équipe ou de la boîte.")
        case .response: Phrase(en: "All waits of customers until the next answer, of conversations opened in the period: their sum divided by the number of answers.",
                               fr: "Toutes les attentes des clients jusqu’à la réponse suivante, pour les conversations ouvertes pendant la période : leur somme divisée par le nombre de réponses.")
        case .resolution: Phrase(en: "From opening to resolution, for conversations resolved in the period. One that is opened again later counts again, from then on.",
                                 fr: "De l’ouverture à la résolution, pour les conversations résolues pendant la période. Une conversation rouverte ensuite compte à nouveau, depuis sa réouverture.")
        case .sla: Phrase(en: "Promises kept ÷ promises decided (kept or broken), of conversations opened in the period: first answer, each next answer, resolution.",
                          fr: "Engagements tenus ÷ engagements échus (tenus ou non), pour les conversations ouvertes pendant la période : première réponse, chaque réponse suivante, résolution.")
        case .csat: Phrase(en: "Ratings of 4 and 5 ÷ all ratings given in the period. Answered: ratings ÷ surveys sent in the period. A changed rating counts once, with its last score.",
                           fr: "Notes de 4 et 5 ÷ toutes les notes données pendant la période. Taux de réponse : notes ÷ enquêtes envoyées pendant la période. Une note modifiée compte une fois, avec sa dernière valeur.")
        case .nps: Phrase(en: "Share of 9 and 10 minus share of 0 to 6, of all answers given in the period: from −100 to 100.",
                          fr: "Part des 9 et 10 moins part des 0 à 6, sur toutes les réponses données pendant la période : de −100 à 100.")
        }
    }
}
