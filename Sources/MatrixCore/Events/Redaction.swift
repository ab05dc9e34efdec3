/// What remains of a redacted event.
/// https://spec.matrix.org/latest/rooms/v11/#redactions and the same section of each version
package enum Redaction {
    /// The content without what a redaction takes.
    package static func content(_ content: JSONObject, type: String, version: RoomVersion) -> JSONObject {
        switch type {
        case EventType.member:
            var kept = content.filter { member in
                member.key == "membership" || version.redactionKeepsJoinAuthoriser && member.key == "join_authorised_via_users_server"
            }
            // An object stays an object even without `signed`, as in the reference server; every server must hash the same bytes.
            if version.modernRedaction, let invite = content["third_party_invite"]?.objectValue {
                kept["third_party_invite"] = .object(invite.filter { $0.key == "signed" })
            }
            return kept
        case EventType.create:
            return version.modernRedaction ? content : keep(["creator"])
        case EventType.joinRules:
            return keep(version.restrictedJoins ? ["join_rule", "allow"] : ["join_rule"])
        case EventType.powerLevels:
            return content.filter { powerLevels.contains($0.key) || version.modernRedaction && $0.key == "invite" }
        case EventType.historyVisibility: return keep(["history_visibility"])
        case EventType.aliases where version.aliasesAreSpecial: return keep(["aliases"])
        case EventType.redaction where version.modernRedaction: return keep(["redacts"])
        default: return JSONObject()
        }
        func keep(_ keys: [String]) -> JSONObject { content.filter { keys.contains($0.key) } }
    }

    /// True when a redaction leaves nothing of any content of this type: the common case, decided without looking at the content.
    static func empties(_ type: String, version: RoomVersion) -> Bool {
        switch type {
        case EventType.member, EventType.create, EventType.joinRules, EventType.powerLevels, EventType.historyVisibility: false
        case EventType.aliases: !version.aliasesAreSpecial
        case EventType.redaction: !version.modernRedaction
        default: true
        }
    }

    /// The whole event as other servers see it, redacted. `unsigned` goes too.
    package static func pdu(_ event: JSONObject, version: RoomVersion) -> JSONObject {
        let keys = version.modernRedaction ? topLevel : topLevel.union(["prev_state", "origin", "membership"])
        var kept = event.filter { keys.contains($0.key) }
        kept["content"] = .object(content(event["content"]?.objectValue ?? [:], type: event["type"]?.stringValue ?? "", version: version))
        return kept
    }

    /// May `sender` redact an event of `original`? By power, or, for users of one server, by being the same user: which of a remote
    /// server's users may redact whose events is that server's affair.
    /// https://spec.matrix.org/latest/rooms/v11/#handling-redactions
    package static func isAllowed(by sender: UserID, of original: UserID, levels: PowerLevels, localServer: String) -> Bool {
        if sender == original || levels.canRedact(sender) { return true }
        return sender.server == original.server && sender.server != localServer
    }

    private static let powerLevels: Set<String> = ["ban", "events", "events_default", "kick", "redact", "state_default", "users", "users_default"]
    private static let topLevel: Set<String> = [
        "event_id", "type", "room_id", "sender", "state_key", "content", "hashes", "signatures", "depth", "prev_events", "auth_events",
        "origin_server_ts",
    ]
}
