import MatrixCore
import ServerKit

extension OpenAPI {
    private static let paging: [(name: String, schema: JSON, description: String)] = [
        ("limit", ["type": "integer", "minimum": 1, "maximum": 100, "default": 30], "Most rows to give."), ("cursor", string, "`next_cursor` of the page before."),
    ]
    private static func one(_ name: String, _ status: Int = 200) -> Operation.Answer { .json(status, ref(name)) }

    static let operations: [Operation] = core + teamOperations + hoursOperations + slaOperations + working + tokenOperations + auditOperations + webhookOperations + macroOperations + ruleOperations + followerOperations + noticeOperations + correctionOperations + customerOperations + surveyOperations + reportOperations + wallboardOperations + reportMailOperations
    private static let core: [Operation] = [
        Operation(method: .get, path: "/me", id: "getMe", tag: "Me", summary: "Who I am, what I may do, and what there is.", answer: one("Me")),
        Operation(method: .patch, path: "/me", id: "updateMe", tag: "Me", summary: "Change my names or languages.",
                  body: .json(object(["name": text(80), "public_name": text(80), "languages": strings])), answer: one("Agent")),
        Operation(method: .get, path: "/counts", id: "getCounts", tag: "Me", summary: "How many conversations stand where.", answer: one("Counts")),
        Operation(method: .put, path: "/me/availability", id: "setAvailability", tag: "Me", summary: "Take conversations, or not.",
                  body: .json(object(["availability": oneOf(Availability.self)], required: ["availability"])), answer: one("Agent")),
        Operation(method: .post, path: "/me/heartbeat", id: "heartbeat", tag: "Me", summary: "I am here. An open stream says so too.",
                  answer: .json(200, whole(["availability": oneOf(Availability.self), "next_ms": integer]))),
        Operation(method: .put, path: "/me/picture", id: "setMyPicture", tag: "Me", summary: "Set my picture.", body: .image, answer: one("Picture")),
        Operation(method: .delete, path: "/me/picture", id: "deleteMyPicture", tag: "Me", summary: "Remove my picture.", answer: .empty),

        Operation(method: .get, path: "/agents", id: "listAgents", tag: "Agents", summary: "All agents.", answer: .json(200, list("Agent"))),
        Operation(method: .post, path: "/agents", id: "createAgent", tag: "Agents", summary: "Make an account an agent, or make the account too.", body: .json(ref("AgentInput")), answer: one("Agent", 201)),
        Operation(method: .get, path: "/agents/{id}", id: "getAgent", tag: "Agents", summary: "One agent.", answer: one("Agent")),
        Operation(method: .patch, path: "/agents/{id}", id: "updateAgent", tag: "Agents", summary: "Change an agent. Supervisors may change the availability only.", body: .json(ref("AgentInput")), answer: one("Agent")),
        Operation(method: .put, path: "/agents/{id}/picture", id: "setAgentPicture", tag: "Agents", summary: "Set an agent's picture.", body: .image, answer: one("Picture")),
        Operation(method: .delete, path: "/agents/{id}/picture", id: "deleteAgentPicture", tag: "Agents", summary: "Remove an agent's picture.", answer: .empty),

        Operation(method: .get, path: "/roles", id: "listRoles", tag: "Agents", summary: "Built-in roles and those made here, and all that can be permitted.",
                  answer: .json(200, whole(["items": ["type": "array", "items": ref("Role")], "permissions": ["type": "array", "items": ref("Permission")]]))),
        Operation(method: .post, path: "/roles", id: "createRole", tag: "Agents", summary: "Make a role that may not more than oneself.", body: .json(ref("RoleInput")), answer: one("Role", 201)),
        Operation(method: .patch, path: "/roles/{id}", id: "updateRole", tag: "Agents", summary: "Change a role that was made here; it holds at once.", body: .json(ref("RoleInput")), answer: one("Role")),
        Operation(method: .delete, path: "/roles/{id}", id: "deleteRole", tag: "Agents", summary: "Delete a role that nobody has.", answer: .empty),

        Operation(method: .get, path: "/brands", id: "listBrands", tag: "Brands", summary: "All brands.", answer: .json(200, list("Brand"))),
        Operation(method: .post, path: "/brands", id: "createBrand", tag: "Brands", summary: "Make a brand.", body: .json(ref("BrandInput")), answer: one("Brand", 201)),
        Operation(method: .get, path: "/brands/{id}", id: "getBrand", tag: "Brands", summary: "One brand.", answer: one("Brand")),
        Operation(method: .patch, path: "/brands/{id}", id: "updateBrand", tag: "Brands", summary: "Change a brand; texts are merged.", body: .json(ref("BrandInput")), answer: one("Brand")),
        Operation(method: .delete, path: "/brands/{id}", id: "deleteBrand", tag: "Brands", summary: "Delete a brand without inboxes and contacts.", answer: .empty),
        Operation(method: .put, path: "/brands/{id}/logo", id: "setLogo", tag: "Brands", summary: "Set the logo.", body: .image, answer: one("Picture")),
        Operation(method: .delete, path: "/brands/{id}/logo", id: "deleteLogo", tag: "Brands", summary: "Remove the logo.", answer: .empty),

        Operation(method: .get, path: "/inboxes", id: "listInboxes", tag: "Inboxes", summary: "Inboxes that I see.", answer: .json(200, list("Inbox"))),
        Operation(method: .post, path: "/inboxes", id: "createInbox", tag: "Inboxes", summary: "Make an inbox.", body: .json(ref("InboxInput")), answer: one("Inbox", 201)),
        Operation(method: .get, path: "/inboxes/{id}", id: "getInbox", tag: "Inboxes", summary: "One inbox.", answer: one("Inbox")),
        Operation(method: .patch, path: "/inboxes/{id}", id: "updateInbox", tag: "Inboxes", summary: "Change an inbox.", body: .json(ref("InboxInput")), answer: one("Inbox")),
        Operation(method: .delete, path: "/inboxes/{id}", id: "deleteInbox", tag: "Inboxes", summary: "Delete an inbox without conversations.", answer: .empty),
        Operation(method: .post, path: "/inboxes/{id}/identity-secret", id: "renewIdentitySecret", tag: "Inboxes", summary: "A new secret for signed identities; the old one stops at once.",
                  answer: .json(200, whole(["identity_secret": string]))),

        Operation(method: .get, path: "/contacts", id: "listContacts", tag: "Contacts", summary: "Contacts, last seen first.", query: paging + [("q", string, "Words of name, e-mail, phone, company."), ("segment", string, "Only of this segment.")], answer: .json(200, page("Contact"))),
        Operation(method: .get, path: "/contacts/{id}", id: "getContact", tag: "Contacts", summary: "One contact.", answer: one("Contact")),
        Operation(method: .patch, path: "/contacts/{id}", id: "updateContact", tag: "Contacts", summary: "Change a contact.", body: .json(ref("ContactInput")), answer: one("Contact"), isMutation: true),
        Operation(method: .get, path: "/contacts/{id}/conversations", id: "listContactConversations", tag: "Contacts", summary: "The contact's history, newest first.", query: paging, answer: .json(200, page("Conversation"))),

        Operation(method: .get, path: "/conversations", id: "listConversations", tag: "Conversations", summary: "Conversations of a view; the queue has the longest-waiting first.", query: paging + [
            ("view", oneOf(Conversations.View.self), "Which ones; `all` are the open ones, `any` those of every status."), ("sort", ["type": "string", "enum": ["waiting", "newest", "oldest", "due"]], "In which order; `due`: what is promised soonest."),
            ("inbox", string, "Only of this inbox."), ("team", string, "Only of this team."), ("tag", string, "Only with this tag."), ("contact", string, "Only of this contact."), ("assignee", string, "Only of this agent."),
            ("priority", oneOf(Conversation.Priority.self), "Only of this priority."), ("q", string, "`#number`, or words of messages, notes, the contact's name or e-mail."),
        ], answer: .json(200, page("Conversation"))),
        Operation(method: .get, path: "/conversations/{id}", id: "getConversation", tag: "Conversations", summary: "One conversation.", answer: one("Conversation")),
        Operation(method: .get, path: "/conversations/{id}/timeline", id: "getTimeline", tag: "Conversations", summary: "Messages, notes and system entries in order; the newest page without before and after.", query: [
            ("before", string, "Items before this id."), ("after", string, "Items after this id."), ("limit", ["type": "integer", "minimum": 1, "maximum": 200, "default": 50], "Most items to give."),
        ], answer: one("Timeline")),
        Operation(method: .post, path: "/conversations/{id}/take", id: "take", tag: "Conversations", summary: "Make it mine. Of two who take at once one gets 409 with the winner.",
                  body: .json(object(["force": boolean])), answer: one("Conversation"), isMutation: true),
        Operation(method: .post, path: "/conversations/{id}/assign", id: "assign", tag: "Conversations", summary: "Give it to an agent, or back to the queue (null).",
                  body: .json(object(["agent": orNull("string")], required: ["agent"])), answer: one("Conversation"), isMutation: true),
        Operation(method: .put, path: "/conversations/{id}/status", id: "setStatus", tag: "Conversations", summary: "Open, wait for the customer, snooze or resolve.",
                  body: .json(object(["status": oneOf(ConversationStatus.self), "until": time], required: ["status"])), answer: one("Conversation"), isMutation: true),
        Operation(method: .put, path: "/conversations/{id}/priority", id: "setPriority", tag: "Conversations", summary: "Set the priority; urgent ones come first in the queue.",
                  body: .json(object(["priority": oneOf(Conversation.Priority.self)], required: ["priority"])), answer: one("Conversation"), isMutation: true),
        Operation(method: .put, path: "/conversations/{id}/tags", id: "setTags", tag: "Conversations", summary: "Set all tags.", body: .json(object(["tags": strings], required: ["tags"])), answer: one("Conversation"), isMutation: true),
        Operation(method: .put, path: "/conversations/{id}/language", id: "setLanguage", tag: "Conversations", summary: "Set the customer's language.",
                  body: .json(object(["language": string], required: ["language"])), answer: one("Conversation"), isMutation: true),
        Operation(method: .post, path: "/conversations/{id}/messages", id: "sendMessage", tag: "Conversations", summary: "Write to the customer. Takes an unassigned conversation.", body: .json(ref("MessageInput")), answer: one("Item", 201)),
        Operation(method: .post, path: "/conversations/{id}/read", id: "markRead", tag: "Conversations", summary: "I have read up to this item.",
                  body: .json(object(["up_to": string], required: ["up_to"])), answer: .json(200, whole(["unread": integer]))),
        Operation(method: .post, path: "/conversations/{id}/typing", id: "setTyping", tag: "Conversations", summary: "I am typing, or not any more.", body: .json(object(["typing": boolean])), answer: .empty),
        Operation(method: .post, path: "/conversations/{id}/viewing", id: "setViewing", tag: "Conversations", summary: "I am looking at it; answers who else does. Repeat every 20 s.",
                  body: .json(object(["viewing": boolean, "composing": boolean])),
                  answer: .json(200, whole(["viewers": ["type": "array", "items": whole(["agent": ref("AgentRef"), "composing": boolean])]]))),

        Operation(method: .post, path: "/conversations/{id}/notes", id: "addNote", tag: "Notes", summary: "Write a note for colleagues. It never reaches the customer.", body: .json(ref("NoteInput")), answer: one("Item", 201)),
        Operation(method: .delete, path: "/conversations/{id}/notes/{note}", id: "deleteNote", tag: "Notes", summary: "Delete a note (its author, or a supervisor).", answer: .empty),
        Operation(method: .get, path: "/mentions", id: "listMentions", tag: "Notes", summary: "Notes that mention me, newest first.", query: paging + [("unread", boolean, "Only those that I have not read.")], answer: .json(200, page("Mention"))),

        Operation(method: .get, path: "/tags", id: "listTags", tag: "Tags", summary: "All tags.", answer: .json(200, list("Tag"))),
        Operation(method: .put, path: "/tags/{name}", id: "putTag", tag: "Tags", summary: "Make a tag or change its colour.", body: .json(object(["colour": string], required: ["colour"])), answer: one("Tag")),
        Operation(method: .delete, path: "/tags/{name}", id: "deleteTag", tag: "Tags", summary: "Delete a tag everywhere.", answer: .empty),

        Operation(method: .get, path: "/canned", id: "listCanned", tag: "Canned replies", summary: "The team's and my own.", query: [("q", string, "Text in shortcut, title or body."), ("language", string, "Only for this language.")], answer: .json(200, list("Canned"))),
        Operation(method: .post, path: "/canned", id: "createCanned", tag: "Canned replies", summary: "Make one.", body: .json(ref("CannedInput")), answer: one("Canned", 201)),
        Operation(method: .patch, path: "/canned/{id}", id: "updateCanned", tag: "Canned replies", summary: "Change one.", body: .json(ref("CannedInput")), answer: one("Canned")),
        Operation(method: .delete, path: "/canned/{id}", id: "deleteCanned", tag: "Canned replies", summary: "Delete one.", answer: .empty),
        Operation(method: .post, path: "/canned/preview", id: "previewCanned", tag: "Canned replies", summary: "What it says in this conversation.",
                  body: .json(object(["id": string, "body": text(CannedReplies.longest), "conversation": string])), answer: .json(200, whole(["text": string, "missing": strings]))),

        Operation(method: .get, path: "/stream", id: "stream", tag: "Stream", summary: "Live updates as Server-Sent Events; resumable by `since` or Last-Event-ID, nothing lost, nothing twice.", query: [
            ("since", integer, "The last position that was seen."), ("lang", ["type": "string", "enum": ["fr", "en"]], "Language of texts."), ("access_token", string, "For EventSource, which cannot send headers."),
        ], answer: .events),
        Operation(method: .get, path: "/openapi.json", id: "getDescription", tag: "Me", summary: "This document.", answer: .json(200, ["type": "object"]), isPublic: true),
    ]
}
