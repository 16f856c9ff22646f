#[test]
fn sizes() {
    use super::*;
    println!("Shared {}", size_of::<Shared>());
    println!("Core {}", size_of::<shared::Core>());
    println!("Info {}", size_of::<Info>());
    println!("Deadlines {}", size_of::<deadlines::Deadlines>());
    println!("Sleep {}", size_of::<tokio::time::Sleep>());
    println!("Notify {}", size_of::<tokio::sync::Notify>());
    println!("Connection {}", size_of::<Connection<crate::Framing>>());
    println!("Stream {}", size_of::<crate::establish::Stream>());
    fn size<F: Future>(
        _: fn(
            Arc<crate::handler::Service<crate::handler::Echo, fn(&crate::handler::Echo) -> crate::Framing>>,
            Admitted,
        ) -> F,
    ) -> usize {
        size_of::<F>()
    }
    println!("task {}", size(run));
}
