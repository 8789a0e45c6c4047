//! Watches, links, registries.

use std::sync::mpsc;

use narrows_actor::{Actor, Addr, Cx, Down, FindError, Flow, How, Reason, Registry, Restart, System, TestKit};

use crate::{Counter, Journal, LONG, Req};

enum Do {
    Watch,
    Unwatch,
    Link,
    Unlink,
    Fail,
    Finish,
}

struct Friend {
    other: Addr<Req>,
    news: mpsc::Sender<Down>,
    traps: bool,
}

impl Actor for Friend {
    type Msg = Do;

    fn handle(&mut self, message: Do, cx: &Cx<Do>) -> Flow {
        match message {
            Do::Watch => cx.watch(&self.other),
            Do::Unwatch => cx.unwatch(&self.other),
            Do::Link => cx.link(&self.other),
            Do::Unlink => cx.unlink(&self.other),
            Do::Fail => return Flow::fail("a friend's fault"),
            Do::Finish => return Flow::Stop,
        }
        Flow::Next
    }

    fn down(&mut self, down: Down, _: &Cx<Do>) -> Flow {
        self.news.send(down).unwrap();
        Flow::Next
    }

    fn linked(&mut self, down: Down, _: &Cx<Do>) -> Flow {
        let is_bad = down.reason.is_failure() && !self.traps;
        self.news.send(down).unwrap();
        if is_bad { Flow::fail("so do I") } else { Flow::Next }
    }
}

fn counter(system: &System, name: &str) -> Addr<Req> {
    system.build(|| Counter::new(&Journal::default())).name(name).start()
}

fn friend(system: &System, other: &Addr<Req>, traps: bool) -> (Addr<Do>, mpsc::Receiver<Down>) {
    let (news, heard) = mpsc::channel();
    let other = other.clone();
    (system.actor(8, move || Friend { other: other.clone(), news: news.clone(), traps }), heard)
}

#[test]
fn many_watchers_hear_of_each_life() {
    let kit = TestKit::new(3);
    let watched = counter(&kit, "watched");
    let friends = (0..20).map(|_| friend(&kit, &watched, false)).collect::<Vec<_>>();
    let monitors = (0..20).map(|_| watched.monitor()).collect::<Vec<_>>();
    for (friend, _) in &friends {
        friend.tell(Do::Watch).unwrap();
    }
    kit.run();
    watched.tell(Req::Fail).unwrap();
    watched.tell(Req::Finish).unwrap();
    kit.run();
    let expected = [(Reason::Failed("no luck".into()), false), (Reason::Normal, true)];
    for (_, heard) in &friends {
        assert!(heard.try_iter().map(|down| (down.reason, down.is_over)).eq(expected.clone()));
    }
    for news in &monitors {
        assert!(news.try_iter().map(|down| (down.reason, down.is_over)).eq(expected.clone()));
    }
    // Who comes late hears of the end.
    let (late, heard) = friend(&kit, &watched, false);
    late.tell(Do::Watch).unwrap();
    kit.run();
    let down = heard.try_recv().unwrap();
    assert_eq!((&*down.name, down.id, down.is_over), ("watched", watched.id(), true));
    assert_eq!(watched.monitor().recv().unwrap().reason, Reason::Normal);
}

#[test]
fn a_watch_ends_when_it_is_undone_or_its_life_ends() {
    let kit = TestKit::new(3);
    let watched = counter(&kit, "watched");
    let (friend, heard) = friend(&kit, &watched, false);
    for end in [Do::Unwatch, Do::Fail] {
        friend.tell(Do::Watch).unwrap();
        friend.tell(end).unwrap();
        kit.run();
        watched.tell(Req::Fail).unwrap();
        kit.run();
        assert!(heard.try_recv().is_err());
    }
}

#[test]
fn a_failure_goes_over_a_link_in_both_directions() {
    let kit = TestKit::new(3);
    let other = counter(&kit, "other");
    let (friend, heard) = friend(&kit, &other, false);
    let (own, others) = (friend.monitor(), other.monitor());
    friend.tell(Do::Link).unwrap();
    kit.run();
    other.tell(Req::Fail).unwrap();
    kit.run();
    assert_eq!(own.try_recv().unwrap().reason, Reason::Failed("so do I".into()));
    assert_eq!(heard.try_iter().count(), 1);
    assert_eq!(others.try_iter().count(), 1);
    // The link ended with the lives.
    other.tell(Req::Fail).unwrap();
    kit.run();
    assert!(own.try_recv().is_err());
    others.try_recv().unwrap();
    // And the other way.
    kit.advance(LONG);
    friend.tell(Do::Link).unwrap();
    friend.tell(Do::Fail).unwrap();
    kit.run();
    let reason = others.try_recv().unwrap().reason;
    assert!(matches!(&reason, Reason::Failed(why) if why.contains("a friend's fault")), "{reason}");
}

#[test]
fn a_link_is_trapped_undone_or_of_no_weight_after_a_usual_end() {
    let kit = TestKit::new(3);
    let other = counter(&kit, "other");
    let (trapping, heard) = friend(&kit, &other, true);
    trapping.tell(Do::Link).unwrap();
    kit.run();
    other.tell(Req::Fail).unwrap();
    kit.run();
    assert_eq!((heard.try_iter().count(), trapping.ended()), (1, None));

    let (undone, heard) = friend(&kit, &other, false);
    undone.tell(Do::Link).unwrap();
    undone.tell(Do::Unlink).unwrap();
    kit.run();
    other.tell(Req::Fail).unwrap();
    kit.run();
    assert!(heard.try_recv().is_err());

    let (usual, _heard) = friend(&kit, &other, false);
    let news = other.monitor();
    usual.tell(Do::Link).unwrap();
    usual.tell(Do::Finish).unwrap();
    kit.run();
    assert_eq!(usual.ended(), Some(Reason::Normal));
    assert!(news.is_empty(), "the other goes on");
}

/// It has no address any more, but waits for news.
#[test]
fn an_actor_that_watches_can_still_be_reached() {
    let kit = TestKit::new(3);
    let watched = counter(&kit, "watched");
    let (friend, heard) = friend(&kit, &watched, false);
    let own = friend.monitor();
    friend.tell(Do::Watch).unwrap();
    drop(friend);
    kit.run();
    assert!(own.is_empty());
    watched.stop(How::Now);
    kit.run();
    assert_eq!(heard.try_recv().unwrap().reason, Reason::Stopped);
    assert_eq!(own.try_recv().unwrap().reason, Reason::Unreachable);
}

#[test]
fn a_registry_finds_by_name_and_type() {
    let kit = TestKit::new(3);
    let registry = Registry::new();
    let first = kit.build(|| Counter::new(&Journal::default())).restart(Restart::Temporary).start();
    registry.register("counter", &first).unwrap();
    registry.register("counter", &first).unwrap();
    registry.register("also", &first).unwrap();
    assert_eq!(registry.find::<Req>("counter").unwrap().id(), first.id());
    assert_eq!(registry.find::<Req>("nobody").unwrap_err(), FindError::Unknown);
    let wrong = registry.find::<u8>("counter").unwrap_err();
    assert!(wrong.to_string().contains("takes messages of type"), "{wrong}");

    let second = counter(&kit, "second");
    assert_eq!(registry.clone().register("counter", &second).unwrap_err().name, "counter");
    assert_eq!(registry.names(), ["also", "counter"]);
    first.tell(Req::Finish).unwrap();
    kit.run();
    assert_eq!(registry.find::<Req>("counter").unwrap_err(), FindError::Unknown);
    registry.register("counter", &second).unwrap();
    assert_eq!(registry.names(), ["counter"]);
    assert!(registry.remove("counter") && !registry.remove("counter"));
}
