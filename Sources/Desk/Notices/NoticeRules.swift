/// What an agent wants to be told of, how, and when not. Pure.
package enum NoticeEvent: String, Sendable, Hashable, CaseIterable {
    /// `reply`: in a conversation of his; `new`: somebody whom nobody has yet, in his inboxes.
    case assigned, new, reply, followed, mention, sla
}
package enum NoticeWay: String, Sendable, Hashable, CaseIterable {
    /// The first two by his console, the last when he is not there.
    case sound, desktop, email
}

package struct NoticeRules: Sendable, Hashable {
    package var ways: [NoticeEvent: Set<NoticeWay>]
    /// Quiet hours: minutes after midnight by the clocks of the zone; from a later to an earlier time they go over midnight.
    package var isQuietOn = false, quietFrom: Int64 = 22 * 60, quietTo: Int64 = 7 * 60
    package var timeZone = "Europe/Paris"
    /// Of mails.
    package var language = "fr"

    /// Of whoever has chosen nothing.
    package static let standard = NoticeRules(ways: [.assigned: [.sound, .desktop], .new: [.sound, .desktop], .reply: [.sound, .desktop], .followed: [.desktop], .mention: [.sound, .desktop], .sla: [.sound, .desktop]])

    package var wantsMail: Bool { ways.values.contains { $0.contains(.email) } }
    package func wants(_ event: NoticeEvent, by way: NoticeWay) -> Bool { ways[event]?.contains(way) ?? false }

    package func isQuiet(at now: Int64, zone: ZoneFile) -> Bool {
        guard isQuietOn, quietFrom != quietTo else { return false }
        let spans = quietFrom < quietTo ? [HoursRules.Span(quietFrom, quietTo)] : [HoursRules.Span(0, quietTo), HoursRules.Span(quietFrom, 1440)].filter { $0.start < $0.end }
        return HoursRules(zone: zone, week: Array(repeating: spans, count: 7)).isOpen(at: now)
    }
}
