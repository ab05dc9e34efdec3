import MatrixCore
import ServerKit

/// What goes to a push gateway, and when it is tried again. Pure.
/// https://spec.matrix.org/latest/push-gateway-api/
enum GatewayRules {
    /// A notification that could not be told for so long is told no more.
    static let lifetime: Int64 = 24 * 3_600_000
    static let timeout: Int64 = 20_000

    /// Milliseconds until the next try: 1, 2, 4, ... seconds, an hour at most; `asked` is what the gateway asks for.
    static func delay(after attempts: Int64, asked: Int64?) -> Int64 {
        let own = attempts >= 13 ? 3_600_000 : min(3_600_000, Int64(1000) << max(0, attempts - 1))
        return max(own, min(asked ?? 0, 3_600_000))
    }

    static func device(_ pusher: Pusher, tweaks: JSONObject?) -> JSON {
        var data = pusher.data
        data["url"] = nil
        var device: JSONObject = ["app_id": .string(pusher.appID), "pushkey": .string(pusher.pushkey), "pushkey_ts": .int(pusher.created / 1000), "data": .object(data)]
        if let tweaks { device["tweaks"] = .object(tweaks) }
        return .object(device)
    }

    static func body(_ pusher: Pusher, _ waiting: Waiting, _ notice: Notice, unread: Int64) throws -> JSON {
        let tweaks = try JSONObject.parse(waiting.tweaks)
        var out: JSONObject = ["event_id": JSON(waiting.event), "room_id": JSON(waiting.room), "counts": ["unread": .int(unread)], "prio": .string(priority(notice, tweaks))]
        guard !pusher.isBare else {
            out["devices"] = [device(pusher, tweaks: nil)]
            return ["notification": .object(out)]
        }
        out["devices"] = [device(pusher, tweaks: tweaks)]
        out["id"] = JSON(waiting.event)   // its name in the first versions, which gateways still read
        out["type"] = .string(notice.type)
        out["sender"] = JSON(notice.sender)
        out["content"] = .raw(notice.content)
        if let name = notice.senderName { out["sender_display_name"] = .string(name) }
        if let name = notice.roomName ?? notice.roomAlias { out["room_name"] = .string(name) }
        if let alias = notice.roomAlias { out["room_alias"] = .string(alias) }
        if notice.type == "m.room.member" {
            out["user_is_target"] = .bool(notice.stateKey == pusher.user.rawValue)
            if let content = try? JSONObject.parse(notice.content), let membership = content["membership"] { out["membership"] = membership }   // stored content is valid
        }
        return ["notification": .object(out)]
    }

    /// The number of unread notifications by itself.
    static func badge(_ pusher: Pusher, unread: Int64) -> JSON {
        ["notification": ["counts": ["unread": .int(unread)], "devices": [device(pusher, tweaks: nil)], "prio": "low"]]
    }

    /// What makes no sound can wait; what is encrypted may turn out to be important.
    private static func priority(_ notice: Notice, _ tweaks: JSONObject) -> String {
        notice.type == "m.room.encrypted" || tweaks["highlight"] == true || tweaks["sound"]?.stringValue != nil ? "high" : "low"
    }
}
