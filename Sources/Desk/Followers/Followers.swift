import MatrixCore
import ServerKit
import Store

/// Agents who want to hear of a conversation that is not theirs.
///
/// Invariant: whoever follows is in `desk_follower`, by which his view is found, and in the conversation's own column, by which streams show it without asking; both change together.
enum Followers {
    static let most = 50

    /// Older binaries run on it: nobody follows.
    static let migrations: [Migration] = [
        Migration(102, "desk followers", """
        CREATE TABLE desk_follower(
          agent_id TEXT NOT NULL, conversation_id TEXT NOT NULL REFERENCES desk_conversation(id), at INTEGER NOT NULL, PRIMARY KEY (agent_id, conversation_id));
        ALTER TABLE desk_conversation ADD COLUMN followers TEXT NOT NULL DEFAULT '[]'
        """),
    ]

    static let routes: [DeskRoute] = [
        DeskRoute(.put, "/conversations/{id}/follow", .conversationsRead) { call in
            _ = try call.fields()   // there are none
            return try await Conversations.mutate(call) { unit, it, _ in try set(unit, it, call.me, true) }
        },
        DeskRoute(.delete, "/conversations/{id}/follow", .conversationsRead) { call in
            try await Conversations.mutate(call) { unit, it, _ in try set(unit, it, call.me, false) }
        },
    ]

    private static func set(_ unit: Unit, _ conversation: Conversation, _ agent: Agent, _ follows: Bool) throws -> Conversation {
        if agent.isService { throw DeskError(.conflict, en: "A program follows by webhooks.", fr: "Un programme suit par les webhooks.") }
        guard conversation.followers.contains(agent.id) != follows else { return conversation }
        var it = conversation
        it.followers = follows ? (it.followers + [agent.id]).sorted() : it.followers.filter { $0 != agent.id }
        guard it.followers.count <= most else { throw DeskError(.conflict, en: "\(most) colleagues follow this conversation already.", fr: "\(most) collègues suivent déjà cette conversation.") }
        if follows {
            try unit.tx.run("INSERT INTO desk_follower(agent_id, conversation_id, at) VALUES (?, ?, ?) ON CONFLICT (agent_id, conversation_id) DO NOTHING", agent.id, it.id, unit.now)
        } else {
            try unit.tx.run("DELETE FROM desk_follower WHERE agent_id = ? AND conversation_id = ?", agent.id, it.id)
        }
        it.updatedAt = unit.now
        try unit.tx.run("UPDATE desk_conversation SET followers = ?, updated_at = ? WHERE id = ?", TextList.encode(it.followers), it.updatedAt, it.id)
        try unit.tell(.conversationUpdated, conversation: it.id, inbox: it.inboxID)
        return it
    }
}

extension OpenAPI {
    static let followerOperations: [Operation] = [
        Operation(method: .put, path: "/conversations/{id}/follow", id: "follow", tag: "Conversations", summary: "Hear of a conversation that is not mine.", answer: .json(200, ref("Conversation")), isMutation: true),
        Operation(method: .delete, path: "/conversations/{id}/follow", id: "unfollow", tag: "Conversations", summary: "Hear of it no longer.", answer: .json(200, ref("Conversation")), isMutation: true),
    ]
}
