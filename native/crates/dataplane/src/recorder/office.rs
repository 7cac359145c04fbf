//! A thread that copies are brought to, and what it is told.

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver, SyncSender, TrySendError},
    },
    thread,
    time::Duration,
};

use engine::TapHandle;

use super::{lane::Chunk, lock, tap::Tap};

/// What the thread finds in its inbox.
#[derive(Debug)]
pub enum Message {
    Chunk(Chunk),
    News(News),
    /// The process ends: to be answered when everything is written.
    Finish(SyncSender<()>),
}

/// What has become of a tap.
#[derive(Debug, Clone)]
pub enum News {
    /// It is new, or to be tried again.
    Wanted(Arc<Tap>),
    Ended(Arc<Tap>),
}

#[derive(Debug)]
pub struct Office {
    inbox: SyncSender<Message>,
    /// Until the thread takes it.
    unread: Mutex<Option<Receiver<Message>>>,
    started: Mutex<bool>,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    /// Those that have ended, too, until the thread has noticed.
    taps: HashMap<TapHandle, Arc<Tap>>,
    /// What there was no room for in the inbox: it comes after all that was in there then.
    late: Vec<News>,
}

impl Default for Office {
    fn default() -> Self {
        let (inbox, unread) = mpsc::sync_channel(MOST_MESSAGES);
        Self { inbox, unread: Mutex::new(Some(unread)), started: Mutex::new(false), book: Mutex::default() }
    }
}

impl Office {
    /// Starts the thread with this work, unless it was started before.
    pub fn start(
        self: &Arc<Self>,
        name: &str,
        work: impl FnOnce(&Office, Receiver<Message>) + Send + 'static,
    ) -> io::Result<()> {
        let mut started = lock(&self.started);
        if *started {
            return Ok(());
        }
        let this = self.clone();
        let run = move || {
            let inbox = lock(&this.unread).take();
            if let Some(inbox) = inbox {
                work(&this, inbox);
            }
        };
        thread::Builder::new().name(name.to_owned()).spawn(run)?;
        *started = true;
        Ok(())
    }

    /// Gives the message back if the inbox is full.
    pub fn send(&self, message: Message) -> Result<(), Message> {
        self.inbox.try_send(message).map_err(|error| match error {
            TrySendError::Full(message) | TrySendError::Disconnected(message) => message,
        })
    }

    pub fn open(&self, tap: Arc<Tap>) {
        lock(&self.book).taps.insert(tap.handle, tap.clone());
        self.tell(News::Wanted(tap));
    }

    pub fn close(&self, tap: Arc<Tap>) {
        self.tell(News::Ended(tap));
    }

    /// If the inbox is full, it is noticed a second later. Nothing overtakes what waits for that.
    pub fn tell(&self, news: News) {
        let mut book = lock(&self.book);
        if !book.late.is_empty() {
            book.late.push(news);
        } else if let Err(Message::News(news)) = self.send(Message::News(news)) {
            book.late.push(news);
        }
    }

    /// What has missed the inbox, behind everything that was there before it.
    pub fn overdue(&self, inbox: &Receiver<Message>) -> Vec<Message> {
        let mut book = lock(&self.book);
        if book.late.is_empty() {
            return Vec::new();
        }
        let mut messages: Vec<Message> = inbox.try_iter().take(MOST_MESSAGES).collect();
        messages.extend(book.late.drain(..).map(Message::News));
        messages
    }

    /// The thread is done with a tap that has ended.
    pub fn forget(&self, tap: TapHandle) {
        lock(&self.book).taps.remove(&tap);
    }

    pub fn find(&self, tap: TapHandle) -> Option<Arc<Tap>> {
        lock(&self.book).taps.get(&tap).cloned()
    }

    /// Waits until everything sent so far is where it belongs, or for a second.
    pub fn finish(&self) {
        if !*lock(&self.started) {
            return;
        }
        let (done, is_done) = mpsc::sync_channel(1);
        if self.send(Message::Finish(done)).is_ok() {
            let _ = is_done.recv_timeout(PATIENCE);
        }
    }
}

/// More than the chunks of many shards; news besides.
const MOST_MESSAGES: usize = 4096;
const PATIENCE: Duration = Duration::from_secs(1);
