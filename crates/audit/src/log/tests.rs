mod chain;
mod disk;
mod fixture;
mod since;
mod workers;
