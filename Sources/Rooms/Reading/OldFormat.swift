import MatrixCore
import ServerKit
import Store

/// Events as the endpoints before /sync wrote them: what is now in `unsigned` stands at the top as well, the sender is also `user_id`, and
/// everything names its room. Only the deprecated endpoints use it (``EventStream``, ``InitialSync``); they are rare, so decoding is no cost
/// that counts.
enum OldFormat {
    private static let raised = ["age", "invite_room_state", "prev_content", "redacted_because", "replaces_state"]

    static func event(_ json: [UInt8]) -> [UInt8] {
        change(json) { event in
            event["user_id"] = event["sender"]
            guard let unsigned = event["unsigned"] else { return }
            for key in raised {
                if let value = unsigned[key] { event[key] = value }
            }
        }
    }
    static func events(_ rows: [EventRow], _ view: EventJSON.View) -> [[UInt8]] { rows.map { event(EventJSON.bytes($0, view)) } }

    /// `user_id` of a presence event was in its content.
    static func presence(_ json: [UInt8]) -> [UInt8] {
        change(json) { event in
            guard var content = event["content"]?.objectValue else { return }
            content["user_id"] = event["sender"]
            event["content"] = .object(content)
        }
    }
    /// Typing, receipts and account data of a room.
    static func inRoom(_ json: [UInt8], _ room: RoomID) -> [UInt8] {
        change(json) { $0["room_id"] = JSON(room) }
    }

    private static func change(_ json: [UInt8], _ edit: (inout JSONObject) -> Void) -> [UInt8] {
        guard var object = try? JSONObject.parse(json) else { return json }   // written by this server a moment ago: it parses
        edit(&object)
        return object.encoded()
    }
}
