import Accounts
import AppService
import Desk
import Media
import Push
import Rooms
package import ServerKit

/// The whole server, one line a feature. The order is the order of migrations' owners and of sync sources.
struct Features {
    let accounts = Accounts()
    let rooms = RoomService()
    let media = Media()
    let push = Push()
    let desk = Desk()
    let appservice = AppService()

    var all: [Feature] { [System.feature, accounts.feature, rooms.feature, media.feature, push.feature, desk.feature, appservice.feature] }

    var ports: Ports {
        var ports = Ports(sessions: accounts, users: accounts, rooms: rooms, timelines: rooms, media: media, preferences: accounts,
                          push: push, notices: rooms)
        ports.bridges = appservice
        ports.lookup = rooms
        return ports
    }
}
