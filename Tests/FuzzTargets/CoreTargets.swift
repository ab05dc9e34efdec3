import MatrixCore

extension FuzzTarget {
    static let jsonWords = ["{", "}", "[", "]", ":", ",", "\"", "\\", "\\u", "\\ud83d", "\\udc00", "null", "true", "false", "-", "1e", "e999", ".5", "9007199254740993", "9223372036854775808"]

    /// MatrixCore: what is pure and what everything else stands on.
    static let core: [FuzzTarget] = [
        FuzzTarget("json", max: 256, jsonWords) { bytes throws(FuzzFailure) in
            guard let value = attempt({ try JSON.parse(bytes) }) else { return }
            let encoded = value.encoded()
            guard let again = attempt({ try JSON.parse(encoded) }) else { throw FuzzFailure("what was written cannot be read") }
            try must(again == value, "what was written reads as something else")
            try must(again.encoded() == encoded, "the second writing differs")
            guard let canonical = attempt({ try value.canonical() }) else { return }
            try must(canonical == encoded, "canonical and shortest form differ")
            try must(attempt { try JSON.parse(canonical).canonical() } == canonical, "the canonical form is not stable")
            if case .object(let object) = value {
                for (key, member) in object { try must(object[key] == member, "a member is not found by its key") }
            }
        },
        FuzzTarget("identifiers", max: 300, ["@", "!", "#", "$", ":", "mxc://", "[::1]", ".org", ":8448"]) { bytes throws(FuzzFailure) in
            let text = text(bytes)
            if let id = UserID(rawValue: text) {
                try must("@" + id.localpart + ":" + id.server == text && ServerName.isValid(id.server), "parts of a user id")
                try must(UserID(localpart: id.localpart, server: id.server) == id, "a user id of its parts")
                if UserID.isValidLocalpart(id.localpart) { try must(!id.localpart.isEmpty && id.localpart == id.localpart.lowercased(), "a new localpart") }
            }
            if let id = RoomAlias(rawValue: text) { try must("#" + id.localpart + ":" + id.server == text && !id.localpart.isEmpty, "parts of an alias") }
            if let id = RoomID(rawValue: text) { try must(id.server.map(ServerName.isValid) ?? true, "server of a room id") }
            if let id = EventID(rawValue: text) { try must(id.server.map(ServerName.isValid) ?? true, "server of an event id") }
            if let id = MXC(rawValue: text) {
                try must(ServerName.isValid(id.server) && MXC.isValidMediaID(id.mediaID) && MXC(server: id.server, mediaID: id.mediaID) == id, "parts of a media address")
            }
            if let id = DeviceID(rawValue: text) { try must((1...255).contains(id.rawValue.utf8.count), "length of a device id") }
            for accepted in [UserID(rawValue: text)?.rawValue, RoomID(rawValue: text)?.rawValue, EventID(rawValue: text)?.rawValue, RoomAlias(rawValue: text)?.rawValue,
                             MXC(rawValue: text)?.rawValue, ServerName(rawValue: text)?.rawValue] {
                guard let accepted else { continue }
                try must(accepted.utf8.elementsEqual(text.utf8) && text.utf8.count <= 255 && !text.utf8.contains(0), "an id that is not what was given")
            }
        },
        FuzzTarget("base64", max: 128, ["=", "==", "+", "/", "-", "_", "AAAA"]) { bytes throws(FuzzFailure) in
            try must(Base64.decode(Base64.encode(bytes)) == bytes && Base64.decodeURLSafe(Base64.encodeURLSafe(bytes)) == bytes, "base64 there and back")
            try must(Base64.decode(Base64.encodePadded(bytes)) == bytes && Base64.encodePadded(bytes).utf8.count % 4 == 0, "padded base64 there and back")
            try must(Hex.decode(Hex.encode(bytes)) == bytes, "hexadecimal there and back")
            let text = text(bytes)
            if let decoded = Base64.decode(text) {
                try must(decoded.count == text.utf8.filter { $0 != UInt8(ascii: "=") }.count * 3 / 4, "length of what base64 says")
                try must(Base64.decode(Base64.encode(decoded)) == decoded, "base64 back and there")
            }
            if let decoded = Base64.decodeURLSafe(text) { try must(Base64.decodeURLSafe(Base64.encodeURLSafe(decoded)) == decoded, "URL-safe base64 back and there") }
            if let decoded = Hex.decode(text) { try must(Hex.encode(decoded) == text.lowercased(), "hexadecimal back and there") }
        },
        FuzzTarget("event", max: 512, jsonWords + eventWords) { bytes throws(FuzzFailure) in
            let (version, rest) = chosen(bytes, RoomVersion.all)
            guard let event = object(rest) else { return }
            let redacted = Redaction.pdu(event, version: version)
            try must(Redaction.pdu(redacted, version: version) == redacted, "redacting twice is not redacting once")
            for member in redacted where member.key != "content" { try must(event[member.key] == member.value, "a redaction changes \(member.key)") }
            guard let hash = attempt({ try EventFormat.referenceHash(event, version: version) }) else { return }
            try must(attempt { try EventFormat.referenceHash(redacted, version: version) } == hash, "the redacted event has another reference hash")
            try must(attempt { try EventFormat.eventID(event, version: version) } == attempt { try EventFormat.eventID(redacted, version: version) }, "the redacted event has another id")
            if let content = attempt({ try EventFormat.contentHash(event, version: version) }) {
                var hashed = event
                hashed["hashes"] = ["sha256": .string(Base64.encode(content))]
                try must(EventFormat.hasValidContentHash(hashed, version: version), "a content hash is not its own")
            }
            _ = EventFormat.hasValidContentHash(event, version: version)
        },
        FuzzTarget("signature", max: 384, jsonWords + ["\"signatures\"", "\"unsigned\"", "\"ed25519:1\"", "\"a.example\""]) { bytes throws(FuzzFailure) in
            guard let signed = object(bytes) else { return }
            _ = SignedJSON.verify(signed, entity: "a.example", keyID: "ed25519:1", publicKey: signingKey.key.publicKey)
            // Only some are signed: a signature takes longer than all the rest.
            guard bytes.count % 8 == 0, let own = attempt({ try SignedJSON.sign(signed, with: signingKey) }) else { return }
            try must(SignedJSON.verify(own, entity: "a.example", keyID: "ed25519:1", publicKey: signingKey.key.publicKey), "an own signature is not valid")
            var other = own
            other["fuzz"] = .int(Int64(bytes.count))
            try must(own["fuzz"] == other["fuzz"] || !SignedJSON.verify(other, entity: "a.example", keyID: "ed25519:1", publicKey: signingKey.key.publicKey), "a changed object is signed")
        },
        FuzzTarget("auth", max: 768, jsonWords + eventWords) { bytes throws(FuzzFailure) in
            let (version, rest) = chosen(bytes, RoomVersion.all)
            guard let document = attempt({ try JSON.parse(Array(rest)) }), let list = document.arrayValue, list.count <= 16 else { return }
            var state = RoomStateMap()
            for entry in list {
                guard let type = entry["type"]?.stringValue, let sender = UserID(entry["sender"]) else { continue }
                let key = entry["state_key"]?.stringValue, content = entry["content"]?.objectValue ?? [:]
                let id = EventID(entry["event_id"]) ?? EventID(trusted: "$e")
                let candidate = AuthCandidate(type: type, stateKey: key, sender: sender, content: content, roomID: RoomID(entry["room_id"]) ?? (entry["room_id"] == nil ? RoomID(trusted: "!r:a.example") : nil),
                                              prevEvents: list.count > 1 && type != EventType.create ? [EventID(trusted: "$p")] : [], eventID: id, redacts: EventID(entry["redacts"]))
                let selection = AuthEvents.selection(type: type, stateKey: key, sender: sender, content: content, version: version)
                try must(Set(selection).count == selection.count, "auth_events has one twice")
                let first = verdict { () throws(AuthFailure) in try EventAuth.check(event: candidate, state: state, version: version) }
                try must(first == verdict { () throws(AuthFailure) in try EventAuth.check(event: candidate, state: state, version: version) }, "the same event is judged in two ways")
                let levels = state.powerLevels(version)
                // Nobody outranks himself: an event that raises its sender above what he has must not pass.
                if first == nil, type == EventType.powerLevels, key == "", state.event(EventType.powerLevels, "") != nil, levels.level(of: sender) < PowerLevels.infinite {
                    let after = PowerLevels(content: .object(content), create: state.createInfo(version), version: version)
                    try must(after.level(of: sender) <= levels.level(of: sender), "somebody raised himself from \(levels.level(of: sender)) to \(after.level(of: sender))")
                }
                // A banned user comes back by nobody's leave but another's.
                if first == nil, type == EventType.member, key == sender.rawValue { try must(state.membership(of: sender) != .ban, "a banned user changed his own membership") }
                if first == nil || state.events.isEmpty, let key {
                    state.set(AuthStateEvent(eventID: id, type: type, stateKey: key, sender: sender, content: .object(content)))
                }
            }
        },
        FuzzTarget("filter", max: 384, jsonWords + ["\"room\"", "\"timeline\"", "\"types\"", "\"not_types\"", "\"senders\"", "\"rooms\"", "\"limit\"", "\"m.*\"", "\"*\"", "\"event_fields\"", "\"contains_url\"", "\"presence\"", "\"@a:b\"", "\"!r:x\""]) { bytes throws(FuzzFailure) in
            guard let json = attempt({ try JSON.parse(bytes) }) else { return }
            if let filter = attempt({ try Filter(json) }) {
                try must(attempt { try Filter(json) } == filter, "one filter is two")
                for events in [filter.presence, filter.accountData, filter.room.timeline.events, filter.room.state.events] {
                    for type in ["m.room.message", "m.room.member", "x"] {
                        for sender in ["@a:b", "@c:d"] {
                            let holds = events.matches(type: type, sender: sender)
                            if events.matchesEveryEvent { try must(holds, "a filter of everything refuses \(type)") }
                            if events.matchesNothing, events.limit != 0 { try must(!holds, "a filter of nothing lets \(type) pass") }
                        }
                    }
                }
            }
            _ = attempt { try RoomEventFilter(json) }
        },
        FuzzTarget("glob", max: 96, ["*", "**", "?", "*?", "a*a", "\n", "é"]) { bytes throws(FuzzFailure) in
            let parts = pieces(bytes, 2), pattern = text(parts[0]), subject = text(parts[1])
            for single in [true, false] {
                try must(Glob(pattern, single: single).matches(subject) == globMatches(Array(pattern.unicodeScalars), Array(subject.unicodeScalars), single: single), "'\(pattern)' and '\(subject)', single \(single)")
            }
            try must(Glob("*").matches(subject), "everything matches *")
        },
        FuzzTarget("push", max: 512, jsonWords + ["\"override\"", "\"content\"", "\"conditions\"", "\"kind\"", "\"event_match\"", "\"key\"", "\"pattern\"", "\"is\"", "\"actions\"", "\"notify\"", "\"rule_id\"", "\"enabled\"", "\"content.body\"", "\"room_member_count\"", "\"event_property_is\"", "\"event_property_contains\"", "\"value\"", "\"body\"", "\"m.mentions\""]) { bytes throws(FuzzFailure) in
            let parts = pieces(bytes, 2)
            guard let stored = object(parts[0]) else { return }
            let me = UserID(trusted: "@me:x"), set = PushRuleSet(stored: stored)
            guard let again = attempt({ try JSONObject.parse(set.encoded()) }) else { throw FuzzFailure("rules that cannot be read again") }
            try must(PushRuleSet(stored: again) == set, "rules that read as others")
            let content = object(parts[1]) ?? ["body": .string(text(parts[1]))]
            let event = PushEvent(type: "m.room.message", stateKey: nil, sender: UserID(trusted: "@a:x"), room: RoomID(trusted: "!r:x"), id: EventID(trusted: "$e"), content: content)
            let around = PushSurroundings(memberCount: 2, displayName: "me", levels: nil)
            let verdict = CompiledPushRules(set, for: me).verdict(event, around)
            try must(verdict == CompiledPushRules(PushRuleSet(stored: again), for: me).verdict(event, around), "two verdicts")
            if verdict.highlights { try must(verdict.notifies, "a highlight that does not notify") }
        },
    ]

    static let eventWords = ["\"type\"", "\"m.room.create\"", "\"m.room.member\"", "\"m.room.power_levels\"", "\"m.room.join_rules\"", "\"content\"", "\"sender\"", "\"state_key\"", "\"membership\"", "\"join\"", "\"invite\"",
                             "\"ban\"", "\"leave\"", "\"knock\"", "\"@a:a.example\"", "\"@b:a.example\"", "\"users\"", "\"users_default\"", "\"events\"", "\"join_rule\"", "\"public\"", "\"restricted\"", "\"hashes\"", "\"sha256\"", "\"prev_events\"", "\"auth_events\"",
                             "\"third_party_invite\"", "\"signed\"", "\"creator\"", "\"additional_creators\"", "\"m.federate\"", "\"room_id\"", "\"redacts\"", "\"origin_server_ts\"", "\"depth\"", "\"unsigned\""]
}

private let signingKey: ServerKey = {
    guard let key = Ed25519.SigningKey(seed: Array(1...32)) else { preconditionFailure("a seed of 32 bytes is one") }
    return ServerKey(server: "a.example", keyID: "ed25519:1", key: key)
}()

private func verdict(_ body: () throws(AuthFailure) -> Void) -> AuthFailure? {
    do throws(AuthFailure) { try body() } catch { return error }
    return nil
}

/// Another way to the same answer: a table of which prefixes match.
private func globMatches(_ pattern: [Unicode.Scalar], _ subject: [Unicode.Scalar], single: Bool) -> Bool {
    var row = [Bool](repeating: false, count: subject.count + 1)
    row[0] = true
    for piece in pattern {
        if piece == "*" {
            for index in 1..<(subject.count + 1) where row[index - 1] { row[index] = true }
        } else {
            for index in stride(from: subject.count, to: 0, by: -1) { row[index] = row[index - 1] && (piece == subject[index - 1] || piece == "?" && single) }
            row[0] = false
        }
    }
    return row[subject.count]
}
