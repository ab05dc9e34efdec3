import Logging
import MatrixCore
import ServerKit
import Store

/// Sees what happens in rooms, and writes down for the services that are interested what they will be told.
struct Watcher: RoomObserver {
    let app: AppService

    func appended(_ c: Context, _ tx: WriteTx, _ event: AppendedEvent) throws {
        let registry = app.registry
        guard !registry.isEmpty else { return }
        var interested = registry.claims(on: event.sender).all
        if event.type == "m.room.member", let target = event.stateKey.flatMap(UserID.init(rawValue:)) {
            let claims = registry.claims(on: target).all
            interested.formUnion(claims)
            // Those who leave hear of it; what comes afterwards is decided anew.
            if !claims.isEmpty { app.interest.drop(tx, room: event.room) }
            try DeviceNews.membershipChanged(c, tx, app, event, of: target)
        }
        interested.formUnion(try app.interest.services(c, tx, registry, room: event.room))
        try app.enqueue(tx, interested, position: event.position, kind: .event)
    }

    func receiptMoved(_ c: Context, _ tx: WriteTx, room: RoomID, user: UserID, event: EventID, timestamp: Int64) throws {
        let listeners = app.listeners
        guard !listeners.isEmpty else { return }
        let interested = try app.interest.services(c, tx, app.registry, room: room).intersection(listeners)
        guard !interested.isEmpty else { return }
        let content: JSONObject = [event.rawValue: ["m.read": .object([user.rawValue: ["ts": .int(timestamp)]])]]
        let edu: JSONObject = ["type": "m.receipt", "room_id": JSON(room), "content": .object(content)]
        try app.enqueue(tx, interested, position: tx.nextPosition(), kind: .ephemeral, payload: edu.encoded())
    }

    func deleted(_ c: Context, room: RoomID) async throws {
        let interest = app.interest
        try await c.db.write { tx in
            try tx.run(Networks.SQL.removeRoom, room)
            interest.drop(tx, room: room)
        }
    }

    func typingChanged(_ c: Context, room: RoomID, typing: [UserID]) {
        let listeners = app.listeners
        guard !listeners.isEmpty else { return }
        let edu: JSONObject = ["type": "m.typing", "room_id": JSON(room), "content": ["user_ids": .array(typing.map { JSON($0) })]]
        let event = edu.encoded(), app = app
        // Interest is exact inside a write transaction only; nobody waits for this one.
        Task {
            do {
                try await c.db.write { tx in
                    let interested = try app.interest.services(c, tx, app.registry, room: room).intersection(listeners)
                    for number in interested.numbers { app.couriers[number]?.tell(typing: event, room: room) }
                }
            } catch {
                c.log.warning("a typing notice was lost", metadata: ["error": "\(error)"])
            }
        }
    }
}
