@testable import Accounts
@testable import Desk
@testable import Media
import MatrixCore
@testable import Rooms
@testable import ServerKit

extension FuzzTarget {
    /// Bodies and parameters of single interfaces.
    static let requests: [FuzzTarget] = [
        FuzzTarget("sliding", max: 384, jsonWords + ["\"lists\"", "\"ranges\"", "\"range\"", "\"timeline_limit\"", "\"required_state\"", "\"room_subscriptions\"", "\"!r:x\"", "\"extensions\"", "\"enabled\"", "\"to_device\"", "\"since\"", "\"filters\"", "\"is_dm\"", "\"room_types\"", "\"conn_id\"", "\"pos\"", "\"$ME\"", "\"$LAZY\"", "\"include\"", "\"exclude\"", "\"*\"", "\"e2ee\"", "\"limit\""]) { bytes throws(FuzzFailure) in
            let session = Session(userID: UserID(trusted: "@a:x"), deviceID: DeviceID(trusted: "D"))
            let request = Request(.post, "/", body: bytes, session: session)
            for form in [SlidingRequest.Form.unstable, .v4] {
                guard let asked = attempt({ try SlidingCodec.read(request, form: form) }) else { continue }
                try must(asked.timeout >= 0 && asked.lists.count <= SlidingCodec.mostLists && asked.subscriptions.count <= SlidingCodec.mostSubscriptions, "a request beyond its limits")
                var state = ConnectionState()
                for (name, list) in asked.lists {
                    try must((list.ranges ?? []).allSatisfy { $0.lowerBound >= 0 } && name.utf8.count <= SlidingCodec.longestName, "a range before the beginning")
                    try must((0...SlidingCodec.mostTimeline).contains(list.config.limit), "a limit of \(list.config.limit)")
                    state.rooms[Int64(state.rooms.count + 1)] = ConnectionState.Room(upTo: nil, limit: 1, config: state.index(of: list.config), isDirect: false)
                }
                guard let again = ConnectionState(state.encoded()) else { throw FuzzFailure("a stored connection cannot be read") }
                try must(again == state, "a stored connection reads as another")
            }
            // Damage in the database is a connection that is not known, or one that can be written again.
            if var state = ConnectionState(bytes) {
                state.tidy()
                _ = state.encoded()
                for room in state.rooms.values { _ = state.config(room) }
            }
        },
        FuzzTarget("search", max: 64, ["Commandes", "ordering", "issement", "eaux", "l'eau", "é", "e\u{301}", "ß", "œ", "日本", "한", "١", "\u{200D}", " "]) { bytes throws(FuzzFailure) in
            let text = text(bytes), terms = SearchText.terms(text)
            try must(terms.count <= SearchText.mostTerms && Set(terms.map(\.term)).count == terms.count, "a term stands twice")
            try must(terms.allSatisfy { !$0.term.isEmpty && $0.count > 0 && $0.term.utf8.count <= SearchText.longestTerm * 4 && !$0.term.contains { $0.isWhitespace } }, "a term that is none")
            let words = SearchText.words(text)
            try must(Set(words.map(\.term)).isSuperset(of: terms.map(\.term)), "a term that is no word")
            // Case makes no difference for what is found.
            if bytes.count % 4 == 0, text.utf8.allSatisfy({ $0 < 0x80 }) { try must(SearchText.terms(text.uppercased()).map(\.term) == terms.map(\.term), "capitals make another text") }
        },
        FuzzTarget("search-request", max: 384, jsonWords + ["\"search_term\"", "\"keys\"", "\"content.body\"", "\"filter\"", "\"order_by\"", "\"rank\"", "\"recent\"", "\"event_context\"", "\"before_limit\"", "\"groupings\"", "\"group_by\"", "\"key\"", "\"room_id\"", "\"limit\"", "n10"]) { bytes throws(FuzzFailure) in
            let parts = pieces(bytes, 2)
            guard let body = object(parts[0]), let search = attempt({ try Search(body, nextBatch: parts[1].isEmpty ? nil : text(parts[1])) }) else { return }
            try must((1...100).contains(search.limit) && (0...Search.mostHits).contains(search.offset) && search.groups.count <= 2 && search.text.utf8.count <= 4096, "a search beyond its limits")
            if let context = search.context { try must((0...20).contains(context.before) && (0...20).contains(context.after), "a context beyond its limits") }
        },
        FuzzTarget("keys", max: 512, jsonWords + ["\"user_id\"", "\"@a:x\"", "\"device_id\"", "\"D\"", "\"algorithms\"", "\"keys\"", "\"signatures\"", "\"usage\"", "\"master\"", "ed25519:", "\"signed_curve25519:A\"", "\"key\"", "\"fallback\"", "\"first_message_index\"", "\"forwarded_count\"", "\"is_verified\"", "\"session_data\"", "\"medium\"", "\"email\"", "\"address\"", "\"client_secret\""]) { bytes throws(FuzzFailure) in
            guard let body = object(bytes) else { return }
            let me = UserID(trusted: "@a:x")
            if let keys = attempt({ try OneTimeKeyRules.parse(body) }) {
                for key in keys { try must(body[key.name] != nil && attempt { try JSON.parse(key.json) } == body[key.name], "a one-time key is another") }
            }
            if let kept = attempt({ try DeviceKeyRules.check(body, user: me, device: DeviceID(trusted: "D")) }) { try must(kept["unsigned"] == nil && kept["user_id"] == "@a:x", "device keys of another") }
            for usage in [CrossSigningUsage.master, .selfSigning, .userSigning] {
                guard let key = attempt({ try CrossSigningKey(body, usage: usage, owner: me) }) else { continue }
                try must(Base64.decode(key.publicKey)?.count == 32 && key.json["unsigned"] == nil, "a cross-signing key without its key")
                for (user, _) in key.json["signatures"]?.objectValue ?? [:] { try must(user == "@a:x", "a signature of somebody else") }
                _ = key.hasSigned(body, owner: me)
            }
            if let session = attempt({ try BackedUpSession(body) }) {
                guard let again = session.json.objectValue, let parsed = attempt({ try JSONObject.parse(JSON.object(again).encoded()) }) else { throw FuzzFailure("a backed-up session cannot be written") }
                try must(attempt { try BackedUpSession(parsed).data } == session.data, "a backed-up session reads as another")
            }
            if let id = attempt({ try ThirdPartyID(body) }), id.medium == "email" { try must(EMail.canonical(id.address) == id.address, "an address that is not canonical") }
            if let secret = attempt({ try ThirdPartyRules.clientSecret(body) }) { try must((1...255).contains(secret.utf8.count), "a secret of \(secret.utf8.count) bytes") }
            _ = attempt { try IdentityServer(body) }
        },
        FuzzTarget("content", max: 384, jsonWords + ["\"m.relates_to\"", "\"rel_type\"", "\"m.thread\"", "\"event_id\"", "\"$e\"", "\"m.replace\"", "mxc://a.example/", "mxc://", "\"url\"", "\"body\""]) { bytes throws(FuzzFailure) in
            guard let content = object(bytes) else { return }
            if let relation = Relation(content) { try must(relation.type.utf8.count <= 255 && relation.event.utf8.count <= 255 && !relation.event.utf8.contains(0), "a relation beyond its limits") }
            guard let canonical = attempt({ try content.canonical() }) else { return }
            let found = MediaMentions.ids(in: canonical, of: "a.example")
            for id in found { try must(MXC.isValidMediaID(id) && canonical.contains(Array(("mxc://a.example/" + id).utf8)), "media '\(id)' that nobody names") }
            if let url = content["url"]?.stringValue, let media = MXC(rawValue: url), media.server == "a.example" { try must(found.contains(media.mediaID), "media '\(url)' is overlooked") }
            let event = ClientEvent(eventID: "$e", roomID: "!r:x", type: "m.room.message", stateKey: nil, sender: "@a:x", originServerTS: 1, content: canonical)
            guard let written = object(event.encoded()) else { throw FuzzFailure("an event cannot be read") }
            try must(written["content"] == .object(content) && written["sender"] == "@a:x", "an event's content changes")
        },
        FuzzTarget("fields", max: 256, jsonWords + ["\"text\"", "\"email\"", "\"colour\"", "\"#9A3D12\"", "\"url\"", "\"https://\"", "\"language\"", "\"fr-FR\"", "\"languages\"", "\"list\"", "\"a@b.c\""]) { bytes throws(FuzzFailure) in
            guard let body = object(bytes) else { return }
            var fields = Fields(body)
            if let text = fields.text("text", max: 20) { try must((1...20).contains(text.count) && !text.unicodeScalars.contains { $0.value < 0x20 }, "the text '\(text)'") }
            if case .set(let email?) = fields.email("email") { try must(EMail.isValid(email), "the desk takes '\(email)', to which no mail can be sent") }
            if let colour = fields.colour("colour") { try must(colour.utf8.count == 7 && Hex.decode(String(colour.dropFirst())) != nil, "the colour '\(colour)'") }
            if let url = fields.url("url") { try must(url.utf8.count <= 8000 && !url.utf8.contains { $0 < 0x20 }, "the address '\(url)'") }
            if let language = fields.language("language") { try must(Fields.isLanguage(language), "the language '\(language)'") }
            if let list = fields.strings("list", max: 4, each: 8) {
                try must(list.count <= 4 && Set(list).count == list.count && list.allSatisfy { (1...8).contains($0.count) }, "the list \(list)")
                try must(TextList.decode(TextList.encode(list)) == list, "a stored list reads as another")
            }
            _ = (fields.languages("languages"), fields.bool("b"), fields.int("i", 0...9), fields.object("o"))
            try must(attempt { try fields.check() } != nil || !fields.errors.isEmpty, "a refusal without a reason")
        },
        FuzzTarget("sso", max: 128, ["javascript:", "JAVASCRIPT:", "data:", "https://", "http://", "app.example://", "@", "#", "?", "&", "\\", "//", "loginToken=", "\t", "%0a"]) { bytes throws(FuzzFailure) in
            let given = text(bytes)
            let local = SSORules.localpart(given)
            try must(local.isEmpty == given.isEmpty && local.utf8.count <= 150 && (local.isEmpty || UserID.isValidLocalpart(local)), "the localpart '\(local)'")
            guard let address = attempt({ try SSORules.redirect(given) }) else { return }
            try must(!["javascript", "data", "file", "vbscript", "blob"].contains { address.lowercased().hasPrefix($0 + ":") } && address.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F }, "the address '\(address)'")
            let place = SSORules.place(address), with = SSORules.withToken(address, "T")
            try must(!place.isEmpty, "an address without a place")
            try must(with.contains("loginToken=T") && SSORules.place(with) == place, "the token changes the place: '\(place)', '\(SSORules.place(with))'")
            try must(with.split(separator: "#", maxSplits: 1)[0].contains("loginToken=T"), "the token stands in the fragment")
        },
    ]
}
