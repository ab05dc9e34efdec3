import MatrixCore
import ServerKit
import Store

/// What the accounts send by mail, in the reader's language.
///
/// Invariant: a mail is put into the durable outbox by the transaction that makes it necessary, and leaves after that is on disk.
enum Mails {
    /// Half a day of attempts: a link is good for a day.
    static let patience: Int64 = 43_200_000

    static func worker() -> OutboxWorker {
        OutboxWorker("mail", patience: patience) { c, item throws(OutboxWorker.Failure) in
            let message: MailMessage?
            do { message = MailMessage(try JSON.parse(item.payload)) } catch { throw .permanent("the mail cannot be read: \(error)") }
            guard let message else { throw .permanent("the mail cannot be read") }
            try await message.send(c, as: item)
        }
    }

    static func confirmation(_ purpose: ValidationPurpose, to address: String, link: String, server: String, language: String) -> MailMessage {
        let isFrench = language == "fr"
        let (subject, why): (String, String) = switch (purpose, isFrench) {
        case (.register, false): ("Confirm your e-mail address", "Somebody, probably you, is making an account at \(server) with this e-mail address. To confirm the address, open this link:")
        case (.register, true): ("Confirmez votre adresse e-mail", "Quelqu’un, sans doute vous, crée un compte sur \(server) avec cette adresse e-mail. Pour confirmer l’adresse, ouvrez ce lien :")
        case (.add, false): ("Confirm your e-mail address", "Somebody, probably you, wants to add this e-mail address to an account at \(server). To confirm the address, open this link:")
        case (.add, true): ("Confirmez votre adresse e-mail", "Quelqu’un, sans doute vous, veut ajouter cette adresse e-mail à un compte sur \(server). Pour confirmer l’adresse, ouvrez ce lien :")
        case (.password, false): ("Choose a new password", "Somebody, probably you, wants to choose a new password for your account at \(server). To allow it, open this link:")
        case (.password, true): ("Choisissez un nouveau mot de passe", "Quelqu’un, sans doute vous, veut choisir un nouveau mot de passe pour votre compte sur \(server). Pour l’autoriser, ouvrez ce lien :")
        }
        let end = isFrench ? "Le lien est valable un jour. Si vous n’êtes pas à l’origine de cette demande, ignorez ce message : rien ne change."
            : "The link is good for one day. If it was not you, ignore this message: nothing changes."
        return MailMessage(to: address, subject: subject + " – " + server, text: "\(why)\n\n\(link)\n\n\(end)\n", language: isFrench ? "fr" : "en")
    }
}
