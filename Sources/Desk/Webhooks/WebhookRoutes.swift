import MatrixCore
import ServerKit
import Store

extension Webhooks {
    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/webhooks", .webhooksManage) { call in
            .json(["items": .array(try await call.read { try all($0.tx).filter { isHis($0, call.me) }.map(\.json) }), "events": .of(Event.allCases.map(\.rawValue))])
        },
        DeskRoute(.post, "/webhooks", .webhooksManage) { call in
            let input = try Input(call, isNew: true)
            return .json(try await call.write { unit in
                guard try unit.tx.first("SELECT COUNT(*) FROM desk_webhook", row: { $0.int(0) }) ?? 0 < most else {
                    throw DeskError(.conflict, en: "There are \(most) webhooks already.", fr: "Il y a déjà \(most) webhooks.")
                }
                var hook = Hook(id: unit.newID("wh"), name: "", url: "", secret: newSecret(unit.c), oldSecret: nil, oldUntil: nil, events: [], brands: call.me.brands, inboxes: nil, isActive: true,
                                notice: nil, cursor: try unit.tx.position, failingSince: nil, failures: 0, nextAt: 0, createdAt: unit.now)
                try input.apply(to: &hook, unit, by: call.me)
                try unit.tx.run("""
                    INSERT INTO desk_webhook(id, name, url, secret, events, brands, inboxes, active, cursor, failures, next_at, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?)
                    """, hook.id, hook.name, hook.url, hook.secret, TextList.encode(hook.events), hook.brands.map(TextList.encode), hook.inboxes.map(TextList.encode), hook.isActive, hook.cursor, hook.createdAt)
                try told(unit)
                return hook.json
            }, status: 201)
        },
        DeskRoute(.patch, "/webhooks/{id}", .webhooksManage) { call in
            let id = try call.param("id"), input = try Input(call, isNew: false)
            return .json(try await call.write { unit in
                var hook = try his(unit.tx, id, call.me)
                let wasActive = hook.isActive
                try input.apply(to: &hook, unit, by: call.me)
                if hook.isActive, !wasActive {
                    hook.cursor = try unit.tx.position   // from now on; what it missed is not told
                    hook.notice = nil
                }
                if !hook.isActive, wasActive { try unit.tx.run("UPDATE desk_delivery SET state = 'failed' WHERE webhook_id = ? AND state = 'waiting'", id) }
                try unit.tx.run("""
                    UPDATE desk_webhook SET name = ?, url = ?, events = ?, brands = ?, inboxes = ?, active = ?, notice = ?, cursor = ?, failures = 0, failing_since = NULL, next_at = 0 WHERE id = ?
                    """, hook.name, hook.url, TextList.encode(hook.events), hook.brands.map(TextList.encode), hook.inboxes.map(TextList.encode), hook.isActive, hook.notice, hook.cursor, id)
                hook.failingSince = nil
                try told(unit)
                return hook.json
            })
        },
        DeskRoute(.delete, "/webhooks/{id}", .webhooksManage) { call in
            let id = try call.param("id")
            try await call.write { unit in
                _ = try his(unit.tx, id, call.me)
                try unit.tx.run("DELETE FROM desk_delivery WHERE webhook_id = ?", id)
                try unit.tx.run("DELETE FROM desk_webhook WHERE id = ?", id)
                try told(unit)
            }
            return .noContent
        },
        DeskRoute(.post, "/webhooks/{id}/secret", .webhooksManage) { call in
            let id = try call.param("id")
            return .json(try await call.write { unit in
                var hook = try his(unit.tx, id, call.me)
                (hook.oldSecret, hook.oldUntil, hook.secret) = (hook.secret, unit.now + overlap, newSecret(unit.c))
                try unit.tx.run("UPDATE desk_webhook SET secret = ?, old_secret = ?, old_until = ? WHERE id = ?", hook.secret, hook.oldSecret, hook.oldUntil, id)
                return hook.json
            })
        },
        DeskRoute(.post, "/webhooks/{id}/test", .webhooksManage) { call in
            let id = try call.param("id")
            let hook = try await call.write { try his($0.tx, id, call.me) }
            let message = "msg_test_" + call.c.entropy.lowerToken(16)
            let body: JSON = ["id": .string(message), "type": "test", "timestamp": .string(ISOTime.of(call.now)), "data": ["webhook": .string(id)]]
            return .json(await send(call.c, hook, message, body.encoded()).json)
        },
        DeskRoute(.get, "/webhooks/{id}/deliveries", .webhooksManage) { call in
            let id = try call.param("id"), limit = try call.limit(), cursor = try Cursor.of(call)
            return try await call.read { reader in
                _ = try his(reader.tx, id, call.me)
                let rows = try reader.tx.all("""
                    SELECT id, position, event, body, state, attempts, status, error, took_ms, created_at, done_at FROM desk_delivery WHERE webhook_id = ? AND position < ?
                    ORDER BY position DESC LIMIT ?
                    """, id, cursor?.key ?? .max, limit + 1) { row -> (position: Int64, json: JSON) in
                    (row.int(1), ["id": .string(row.text(0)), "event": .string(row.text(2)), "body": .string(String(decoding: row.bytes(3), as: UTF8.self)), "state": .string(row.text(4)),
                                  "attempts": .int(row.int(5)), "status": .of(row.intOrNil(6)), "error": .of(row.textOrNil(7)), "took_ms": .of(row.intOrNil(8)), "created_at": .int(row.int(9)),
                                  "done_at": .of(row.intOrNil(10))])
                }
                return .page(rows.prefix(limit).map(\.json), next: rows.count > limit ? Cursor(key: rows[limit - 1].position, number: 0).text : nil)
            }
        },
        DeskRoute(.post, "/webhooks/{id}/deliveries/{delivery}/replay", .webhooksManage) { call in
            let id = try call.param("id"), delivery = try call.param("delivery")
            try await call.write { unit in
                let hook = try his(unit.tx, id, call.me)
                guard hook.isActive else { throw DeskError(.conflict, en: "This webhook is switched off.", fr: "Ce webhook est désactivé.") }
                guard try unit.tx.run("UPDATE desk_delivery SET state = 'waiting', done_at = NULL WHERE id = ? AND webhook_id = ?", delivery, id) == 1 else { throw DeskError.notFound }
                try unit.tx.run("UPDATE desk_webhook SET next_at = 0 WHERE id = ?", id)
                try told(unit)
            }
            return .noContent
        },
    ]
    private static func told(_ unit: Unit) throws {
        try unit.tell(.settingsUpdated, ref: "webhooks")
        let webhooks = unit.live.webhooks
        unit.tx.afterCommit { webhooks.changed() }
    }
    /// Limited to no more than he is himself.
    private static func isHis(_ hook: Hook, _ me: Agent) -> Bool {
        guard let mine = me.brands else { return true }
        return hook.brands.map { Set($0).isSubset(of: mine) } ?? false
    }
    private static func his(_ tx: ReadTx, _ id: String, _ me: Agent) throws -> Hook {
        guard let hook = try load(tx, id), isHis(hook, me) else { throw DeskError.notFound }
        return hook
    }

    /// For a rule that names it.
    static func his(_ tx: ReadTx, _ id: String, _ me: Agent, field: String) throws -> Hook {
        guard let hook = try load(tx, id), isHis(hook, me) else { throw DeskError.invalid(field, en: "There is no such webhook.", fr: "Ce webhook n’existe pas.") }
        return hook
    }

    private struct Input: Sendable {
        let name: Fields.Change<String>, url: String?, events: [String]?, active: Bool?
        let brands: [String]?, changesBrands: Bool, inboxes: [String]?, changesInboxes: Bool

        init(_ call: DeskCall, isNew: Bool) throws {
            var fields = try call.fields()
            name = isNew ? .set(fields.text("name", max: 80, required: true)) : fields.requiredChange("name", max: 80)
            if isNew || fields.has("url") { _ = fields.text("url", max: 2000, required: true) }
            url = fields.url("url")
            events = fields.strings("events", max: 50, each: 40, required: isNew)
            for event in events ?? [] where Event(rawValue: event) == nil {
                fields.refuse("events", en: "There is no event “\(event)”.", fr: "L’événement « \(event) » n’existe pas.")
            }
            if events?.isEmpty == true { fields.refuse("events", en: "Choose at least one event.", fr: "Choisissez au moins un événement.") }
            active = fields.bool("active")
            (brands, changesBrands) = (fields.strings("brands", max: 200, each: 40), fields.has("brands"))
            (inboxes, changesInboxes) = (fields.strings("inboxes", max: 200, each: 40), fields.has("inboxes"))
            try fields.check()
        }
        func apply(to hook: inout Hook, _ unit: Unit, by me: Agent) throws {
            hook.name = name.required(hook.name)
            hook.url = url ?? hook.url
            hook.events = events ?? hook.events
            hook.isActive = active ?? hook.isActive
            if changesBrands {
                if brands == nil { try me.checkUnlimited() }
                for brand in brands ?? [] {
                    guard me.knows(brand: brand), try Brands.load(unit.tx, brand) != nil else { throw DeskError.invalid("brands", en: "There is no brand “\(brand)”.", fr: "Il n’y a pas de marque « \(brand) ».") }
                }
                hook.brands = brands
            }
            if changesInboxes { hook.inboxes = inboxes }
            for id in hook.inboxes ?? [] {
                guard let inbox = try Inboxes.load(unit.tx, id), me.knows(brand: inbox.brandID), hook.brands?.contains(inbox.brandID) ?? true else {
                    throw DeskError.invalid("inboxes", en: "There is no inbox “\(id)”.", fr: "Il n’y a pas de boîte « \(id) ».")
                }
            }
        }
    }
}

extension OpenAPI {
    private static let stringsOrNull: JSON = ["type": ["array", "null"], "items": string]
    static let webhookOperations: [Operation] = [
        Operation(method: .get, path: "/webhooks", id: "listWebhooks", tag: "Webhooks", summary: "Webhooks, and all events that there are.",
                  answer: .json(200, whole(["items": ["type": "array", "items": ref("Webhook")], "events": strings]))),
        Operation(method: .post, path: "/webhooks", id: "createWebhook", tag: "Webhooks", summary: "Have an address told of events, signed as Standard Webhooks has it.", body: .json(ref("WebhookInput")), answer: .json(201, ref("Webhook"))),
        Operation(method: .patch, path: "/webhooks/{id}", id: "updateWebhook", tag: "Webhooks", summary: "Change a webhook, or switch it off or on; it goes on from now.", body: .json(ref("WebhookInput")), answer: .json(200, ref("Webhook"))),
        Operation(method: .delete, path: "/webhooks/{id}", id: "deleteWebhook", tag: "Webhooks", summary: "Delete a webhook and its deliveries.", answer: .empty),
        Operation(method: .post, path: "/webhooks/{id}/secret", id: "rotateWebhookSecret", tag: "Webhooks", summary: "A new secret; the old one signs beside it for a day.", answer: .json(200, ref("Webhook"))),
        Operation(method: .post, path: "/webhooks/{id}/test", id: "testWebhook", tag: "Webhooks", summary: "Send a test now, and say what came back.",
                  answer: .json(200, whole(["status": orNull("integer"), "error": orNull("string"), "took_ms": integer, "done": boolean]))),
        Operation(method: .get, path: "/webhooks/{id}/deliveries", id: "listDeliveries", tag: "Webhooks", summary: "Deliveries of the last 30 days, newest first.", query: [
            ("limit", ["type": "integer", "minimum": 1, "maximum": 100, "default": 30], "Most rows to give."), ("cursor", string, "`next_cursor` of the page before."),
        ], answer: .json(200, page("Delivery"))),
        Operation(method: .post, path: "/webhooks/{id}/deliveries/{delivery}/replay", id: "replayDelivery", tag: "Webhooks", summary: "Send it once more: the same id, the same bytes.", answer: .empty),
    ]
    static let webhookSchemas: JSONObject = [
        "Webhook": whole(["id": string, "name": string, "url": string, "secret": string, "events": strings, "brands": stringsOrNull, "inboxes": stringsOrNull, "active": boolean, "notice": orNull("string"),
                          "failing_since": timeOrNull, "created_at": time]),
        "WebhookInput": object(["name": text(80), "url": text(2000), "events": ["type": "array", "items": oneOf(Webhooks.Event.self)], "brands": stringsOrNull, "inboxes": stringsOrNull, "active": boolean]),
        "Delivery": whole(["id": string, "event": string, "body": string, "state": ["type": "string", "enum": ["waiting", "done", "failed"]], "attempts": integer, "status": orNull("integer"),
                           "error": orNull("string"), "took_ms": orNull("integer"), "created_at": time, "done_at": timeOrNull]),
    ]
}
