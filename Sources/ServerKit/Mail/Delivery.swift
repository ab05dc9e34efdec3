package import Store

extension Config {
    /// Who mails come from: the setting, or `no-reply@` the server's own host. nil when that is no address.
    package var mailSender: MailAddress? {
        if let mailFrom { return MailAddress(header: mailFrom) }
        let host = serverName.split(separator: ":").first.map(String.init) ?? "localhost"
        return MailAddress("no-reply@" + host)
    }
}

extension MailMessage {
    /// Hands an item of the outbox to the mail server. Every attempt carries the same Message-ID and date.
    package func send(_ c: Context, as item: DurableQueue.Item) async throws(OutboxWorker.Failure) {
        guard let from = c.config.mailSender else { throw .permanent("the sender of mails is no address") }
        do throws(SMTP.Failure) {
            try await SMTP.send(c.config, to: to, from: from, wire(from: from, id: item.key, time: item.created))
        } catch {
            switch error {
            case .refused(let reason): throw .permanent(reason)
            case .temporary(let reason): throw .temporary(reason)
            }
        }
    }
}
