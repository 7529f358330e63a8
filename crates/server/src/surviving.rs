//! Work that survives the client that asked for it, and a panic that does not spread.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Runs work in the task of its connection; when that drops it, because the client hung up, the
/// rest goes on as a task of its own. That costs a client that stays no task switch.
pub(crate) struct Surviving<T: Send + 'static>(Option<Work<T>>);

/// The work panicked.
pub(crate) struct Panicked(Box<dyn Any + Send>);

impl Panicked {
    /// What the panic said.
    pub(crate) fn message(&self) -> &str {
        let text = self.0.downcast_ref::<&'static str>().copied();
        text.or_else(|| self.0.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("a panic without a text")
    }
}

impl<T: Send + 'static> Surviving<T> {
    pub(crate) fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(Box::pin(work)))
    }
}

impl<T: Send + 'static> Future for Surviving<T> {
    type Output = Result<T, Panicked>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(work) = self.0.as_mut() else {
            return Poll::Pending;
        };
        // After a panic the work is dropped without another poll, so nobody sees it half done.
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        let outcome = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(panic) => Err(Panicked(panic)),
        };
        self.0 = None;
        Poll::Ready(outcome)
    }
}

impl<T: Send + 'static> Drop for Surviving<T> {
    fn drop(&mut self) {
        if let (Some(work), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            drop(runtime.spawn(work));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn dropped_work_goes_on() {
        let (begin, done) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let finished = Arc::new(AtomicBool::new(false));
        let (wait, tell, flag) = (begin.clone(), done.clone(), finished.clone());
        let mut work = Surviving::new(async move {
            wait.notified().await;
            flag.store(true, Ordering::SeqCst);
            tell.notify_one();
        });
        let first = std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut work).poll(cx))).await;
        assert!(first.is_pending());
        drop(work);
        assert!(!finished.load(Ordering::SeqCst));
        begin.notify_one();
        done.notified().await;
        assert!(finished.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn a_panic_is_a_value() {
        let panicked = Surviving::<()>::new(async { panic!("number {}", 7) }).await;
        assert_eq!(panicked.err().unwrap().message(), "number 7");
        assert_eq!(Surviving::new(async { 5 }).await.ok(), Some(5));
    }
}
